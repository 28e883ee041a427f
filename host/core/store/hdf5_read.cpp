// Reading an HDF5 image from memory with every surprise refused; see hdf5_io.hpp and
// reliability.md, section 1.
#include "core/store/hdf5_io.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <set>

namespace samara::host {
namespace {

constexpr size_t kDeflateMost = 1100;  // zlib expands by at most 1032, zlib.net/zlib_tech.html

hid_t open_image(std::string_view bytes) {
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fapl_core(access.get(), 1 << 20, false);
    // HDF5 copies the image; its interface only lacks a const.
    H5Pset_file_image(access.get(), const_cast<char*>(bytes.data()), bytes.size());
    return H5Fopen("samara.h5", H5F_ACC_RDONLY, access.get());
}

struct Listing {
    std::set<std::string> hard;
    std::string bad;  // the first link that is not hard
};

herr_t list_link(hid_t, const char* name, const H5L_info_t* info, void* out) {
    auto& listing = *static_cast<Listing*>(out);
    if (info->type != H5L_TYPE_HARD) {
        listing.bad = name;
        return 1;
    }
    listing.hard.insert(name);
    return 0;
}

// No link is followed when one is not hard: the listing says so first.
Listing list_links(hid_t parent) {
    Listing out;
    if (H5Literate(parent, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, list_link, &out) < 0) {
        out.bad = "(unreadable)";
    }
    return out;
}

bool attribute_is(hid_t file, const std::string& schema, int64_t version) {
    const Handle text(H5Aopen(file, "schema", H5P_DEFAULT), H5Aclose);
    const Handle number(H5Aopen(file, "version", H5P_DEFAULT), H5Aclose);
    if (!text.ok() || !number.ok()) {
        return false;
    }
    const Handle type(H5Aget_type(text.get()), H5Tclose);
    const Handle integer(H5Aget_type(number.get()), H5Tclose);
    const Handle text_space(H5Aget_space(text.get()), H5Sclose);
    const Handle number_space(H5Aget_space(number.get()), H5Sclose);
    if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0 ||
        H5Tget_size(type.get()) != schema.size() || H5Tequal(integer.get(), H5T_STD_I64LE) <= 0 ||
        H5Sget_simple_extent_npoints(text_space.get()) != 1 ||
        H5Sget_simple_extent_npoints(number_space.get()) != 1) {
        return false;
    }
    std::string found(schema.size(), '\0');
    int64_t value = 0;
    return H5Aread(text.get(), type.get(), found.data()) >= 0 &&
           H5Aread(number.get(), H5T_NATIVE_INT64, &value) >= 0 && found == schema &&
           value == version;
}

// Empty when the storage of a dataset is what we write.
std::string odd_storage(hid_t creation) {
    if (H5Pget_layout(creation) != H5D_CHUNKED) {
        return "is not stored in chunks (contiguous, compact or virtual)";
    }
    if (H5Pget_external_count(creation) != 0) {
        return "has external storage";
    }
    bool summed = false;
    const int filters = H5Pget_nfilters(creation);
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0, config = 0;
        size_t values = 0;
        const H5Z_filter_t filter = H5Pget_filter2(
            creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_FLETCHER32) {
            return "uses the foreign filter " + std::to_string(filter);
        }
        summed = summed || filter == H5Z_FILTER_FLETCHER32;
    }
    return summed ? "" : "has no checksum";
}

}  // namespace

ImageReader::ImageReader(std::string_view bytes, std::string where)
    : bytes_(bytes), where_(std::move(where)), file_(open_image(bytes), H5Fclose) {
    if (!file_.ok()) {
        corrupt("not a readable HDF5 file");
    }
}

void ImageReader::corrupt(const std::string& what) const {
    throw Error(Code::corrupt, what, where_, "remove it; it is rebuilt when needed");
}

void ImageReader::expect(const std::string& schema,
                         int64_t version,
                         const std::vector<std::string>& names) {
    if (!attribute_is(file_.get(), schema, version)) {
        corrupt("the cache is not of schema " + schema + " version " + std::to_string(version));
    }
    std::set<std::string> groups, arrays;
    for (const std::string& name : names) {
        groups.insert(name.substr(0, name.find('/')));
        arrays.insert(name);
    }
    const auto compare = [&](hid_t parent, const std::string& prefix) {
        const Listing found = list_links(parent);
        if (!found.bad.empty()) {
            corrupt("'" + prefix + found.bad + "' is a link to elsewhere");
        }
        return found.hard;
    };
    if (compare(file_.get(), "") != groups) {
        corrupt("the cache holds other groups than its schema");
    }
    for (const std::string& name : groups) {
        const Handle group(H5Gopen2(file_.get(), name.c_str(), H5P_DEFAULT), H5Gclose);
        if (!group.ok()) {
            corrupt("'" + name + "' is not a group");
        }
        for (const std::string& inner : compare(group.get(), name + "/")) {
            if (arrays.erase(name + "/" + inner) == 0) {
                corrupt("'" + name + "/" + inner + "' is not in the schema");
            }
        }
    }
    if (!arrays.empty()) {
        corrupt("'" + *arrays.begin() + "' is missing");
    }
}

size_t ImageReader::checked_size(hid_t dataset,
                                 hid_t stored,
                                 size_t element,
                                 const std::string& name) const {
    const Handle type(H5Dget_type(dataset), H5Tclose);
    const Handle space(H5Dget_space(dataset), H5Sclose);
    const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
    if (!type.ok() || !space.ok() || !creation.ok()) {
        corrupt("'" + name + "' is not readable");
    }
    if (const std::string odd = odd_storage(creation.get()); !odd.empty()) {
        corrupt("'" + name + "' " + odd);
    }
    hsize_t size = 0;
    hsize_t chunk = 0;
    if (H5Tequal(type.get(), stored) <= 0 || H5Sget_simple_extent_ndims(space.get()) != 1 ||
        H5Sget_simple_extent_dims(space.get(), &size, nullptr) != 1 ||
        H5Pget_chunk(creation.get(), 1, &chunk) != 1) {
        corrupt("'" + name + "' has another type or shape than its schema");
    }
    const size_t most = bytes_.size() * kDeflateMost / element;
    if (size > most || chunk > most) {
        corrupt("'" + name + "' claims " + std::to_string(size) +
                " elements, more than the file can hold");
    }
    return size;
}

template <class T>
void ImageReader::read(const std::string& name, hid_t stored, hid_t held, std::vector<T>& values) {
    const Handle data(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!data.ok()) {
        corrupt("'" + name + "' is not an array");
    }
    values.resize(checked_size(data.get(), stored, sizeof(T), name));
    if (!values.empty() &&
        H5Dread(data.get(), held, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
        corrupt("'" + name + "' does not match its checksum");
    }
}

void ImageReader::get(const std::string& name, std::vector<uint8_t>& v) {
    read(name, H5T_STD_U8LE, H5T_NATIVE_UINT8, v);
}
void ImageReader::get(const std::string& name, std::vector<int32_t>& v) {
    read(name, H5T_STD_I32LE, H5T_NATIVE_INT32, v);
}
void ImageReader::get(const std::string& name, std::vector<int64_t>& v) {
    read(name, H5T_STD_I64LE, H5T_NATIVE_INT64, v);
}
void ImageReader::get(const std::string& name, std::vector<double>& v) {
    read(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, v);
}

}  // namespace samara::host
