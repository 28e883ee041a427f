// Making an HDF5 image in memory; see hdf5_io.hpp.
#include "core/store/hdf5_io.hpp"
#include "core/store/store.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <bit>

namespace samara::host {
namespace {

constexpr size_t kGrowBytes = 1 << 20;  // the image grows by this much
constexpr hsize_t kChunk = 64 * 1024;   // elements; large enough that chunk overhead is below 1 %
constexpr unsigned kDeflateLevel = 1;   // prompts repeat; higher levels cost time and gain little

hid_t memory_access(size_t increment) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    // Checksums of all metadata exist only in the latest format (docs/reliability.md, 2.3).
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    H5Pset_fapl_core(access, increment, false);
    return access;
}

hid_t create_image() {
    const Handle access(memory_access(kGrowBytes), H5Pclose);
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation.get(), false);  // equal groups, equal bytes
    return H5Fcreate("samara.h5", H5F_ACC_TRUNC, creation.get(), access.get());
}

void check(bool good, const std::string& what) {
    if (!good) {
        throw Error(Code::internal, "HDF5 cannot make a cache: " + what);
    }
}

void put_attribute(hid_t file, const char* name, hid_t type, const void* value) {
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(H5Acreate2(file, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    check(attribute.ok() && H5Awrite(attribute.get(), type, value) >= 0, name);
}

// Jenkins' lookup3 (hashlittle, initval 0), the checksum of HDF5's metadata; HDF5 File Format
// Specification 3.0, II.A.
uint32_t lookup3(const unsigned char* bytes, size_t size) {
    uint32_t a = 0xdeadbeefU + static_cast<uint32_t>(size), b = a, c = a;
    const auto word = [&](size_t at) {
        uint32_t out = 0;
        for (size_t n = 0; n < 4 && at + n < size; ++n) {
            out |= static_cast<uint32_t>(bytes[at + n]) << (8 * n);
        }
        return out;
    };
    const auto step = [](uint32_t& x, uint32_t& y, uint32_t& z, int bits) {
        x = (x - z) ^ std::rotl(z, bits);
        z += y;
    };
    size_t at = 0;
    for (; size - at > 12; at += 12) {
        a += word(at);
        b += word(at + 4);
        c += word(at + 8);
        step(a, b, c, 4);
        step(b, c, a, 6);
        step(c, a, b, 8);
        step(a, b, c, 16);
        step(b, c, a, 19);
        step(c, a, b, 4);
    }
    a += word(at);
    b += word(at + 4);
    c += word(at + 8);
    const auto last = [](uint32_t& x, uint32_t y, int bits) { x = (x ^ y) - std::rotl(y, bits); };
    last(c, b, 14);
    last(a, c, 11);
    last(b, a, 25);
    last(c, b, 16);
    last(a, c, 4);
    last(b, a, 14);
    last(c, b, 24);
    return c;
}

// H5Fget_file_image clears the "open for writing" flag in its copy of the superblock (version 3,
// 8-byte addresses) but leaves the checksum of the set flag: seen in 1.10.8.  Where a library does
// both, this changes nothing.
void seal_superblock(std::string& image) {
    constexpr size_t kSuperblock = 44, kFlags = 11, kVersion = 8;
    check(image.size() > kSuperblock + 4 && image[kVersion] == 3, "superblock");
    image[kFlags] = 0;
    const uint32_t sum = lookup3(reinterpret_cast<const unsigned char*>(image.data()), kSuperblock);
    for (size_t n = 0; n < 4; ++n) {
        image[kSuperblock + n] = static_cast<char>(sum >> (8 * n));
    }
}

}  // namespace

void init_hdf5() {
    const std::lock_guard lock(hdf5_mutex());
    H5open();
    H5PLset_loading_state(0);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::mutex& hdf5_mutex() {
    static std::mutex mutex;
    return mutex;
}

void require_hdf5() {
    unsigned mask = ~0U;
    if (H5PLget_loading_state(&mask) < 0 || mask != 0) {
        throw Error(
            Code::internal,
            "HDF5 may still load filters from shared libraries: init_hdf5() was not called");
    }
}

QuietHdf5::QuietHdf5() {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

QuietHdf5::~QuietHdf5() {
    H5Eset_auto2(H5E_DEFAULT, print_, data_);
}

ImageWriter::ImageWriter(const std::string& schema, int64_t version)
    : file_(create_image(), H5Fclose) {
    check(file_.ok(), "no memory file");
    const Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(text.get(), schema.size());
    H5Tset_strpad(text.get(), H5T_STR_NULLPAD);
    put_attribute(file_.get(), "schema", text.get(), schema.data());
    put_attribute(file_.get(), "version", H5T_STD_I64LE, &version);
}

void ImageWriter::group(const std::string& name) {
    const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation.get(), false);
    const Handle made(
        H5Gcreate2(file_.get(), name.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose);
    check(made.ok(), name);
}

void ImageWriter::put(const std::string& name,
                      hid_t stored,
                      hid_t held,
                      const void* values,
                      size_t count) {
    const hsize_t size = count;
    const hsize_t chunk = std::clamp<hsize_t>(size, 1, kChunk);
    const hsize_t unlimited = H5S_UNLIMITED;  // a chunk may not exceed a fixed size, and 0 is one
    const Handle space(H5Screate_simple(1, &size, &unlimited), H5Sclose);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation.get(), false);
    H5Pset_chunk(creation.get(), 1, &chunk);
    if (H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0) {
        H5Pset_deflate(creation.get(), kDeflateLevel);
    }
    H5Pset_fletcher32(creation.get());
    const Handle data(H5Dcreate2(file_.get(),
                                 name.c_str(),
                                 stored,
                                 space.get(),
                                 H5P_DEFAULT,
                                 creation.get(),
                                 H5P_DEFAULT),
                      H5Dclose);
    check(data.ok(), name);
    check(count == 0 || H5Dwrite(data.get(), held, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
          name);
}

void ImageWriter::put(const std::string& name, const std::vector<uint8_t>& v) {
    put(name, H5T_STD_U8LE, H5T_NATIVE_UINT8, v.data(), v.size());
}
void ImageWriter::put(const std::string& name, const std::vector<int32_t>& v) {
    put(name, H5T_STD_I32LE, H5T_NATIVE_INT32, v.data(), v.size());
}
void ImageWriter::put(const std::string& name, const std::vector<int64_t>& v) {
    put(name, H5T_STD_I64LE, H5T_NATIVE_INT64, v.data(), v.size());
}
void ImageWriter::put(const std::string& name, const std::vector<double>& v) {
    put(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, v.data(), v.size());
}

std::string ImageWriter::image() {
    check(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) >= 0, "flush");
    const ssize_t size = H5Fget_file_image(file_.get(), nullptr, 0);
    check(size > 0, "image size");
    std::string bytes(static_cast<size_t>(size), '\0');
    check(H5Fget_file_image(file_.get(), bytes.data(), bytes.size()) == size, "image");
    seal_superblock(bytes);
    return bytes;
}

}  // namespace samara::host
