// Thin, strict layer over the HDF5 C API: images in memory, named 1-D arrays, nothing else. Private
// to this room. The library is not thread-safe as distributions build it: hold hdf5_mutex() while
// using these.
#pragma once
#include <hdf5.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

std::mutex& hdf5_mutex();

/// Throws Error(Code::internal) unless init_hdf5() has forbidden HDF5 to load filters from shared
/// libraries.
void require_hdf5();

/// An HDF5 id closed by its own function.
class Handle {
public:
    Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
    ~Handle() {
        if (id_ >= 0) {
            close_(id_);
        }
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    [[nodiscard]] hid_t get() const { return id_; }
    [[nodiscard]] bool ok() const { return id_ >= 0; }

private:
    hid_t id_;
    herr_t (*close_)(hid_t);
};

/// HDF5 prints its error stack by default; not while one of these lives.
class QuietHdf5 {
public:
    QuietHdf5();
    ~QuietHdf5();
    QuietHdf5(const QuietHdf5&) = delete;
    QuietHdf5& operator=(const QuietHdf5&) = delete;

private:
    H5E_auto2_t print_ = nullptr;
    void* data_ = nullptr;
};

/// A file that is being made in memory.  Failures are ours (memory, library):
/// Error(Code::internal).
class ImageWriter {
public:
    ImageWriter(const std::string& schema, int64_t version);
    void group(const std::string& name);
    void put(const std::string& name, const std::vector<uint8_t>& values);
    void put(const std::string& name, const std::vector<int32_t>& values);
    void put(const std::string& name, const std::vector<int64_t>& values);
    void put(const std::string& name, const std::vector<double>& values);
    [[nodiscard]] std::string image();

private:
    void put(const std::string& name, hid_t stored, hid_t held, const void* values, size_t count);
    Handle file_;
};

/// A file image that is being read.  Everything unexpected is Error(Code::corrupt).  `bytes` must
/// outlive it.
class ImageReader {
public:
    ImageReader(std::string_view bytes, std::string where);
    /// Attributes "schema" and "version" of the root must have these values, and the links of root
    /// and groups must be exactly `names` ("group/array"), all hard.
    void expect(const std::string& schema, int64_t version, const std::vector<std::string>& names);
    void get(const std::string& name, std::vector<uint8_t>& values);
    void get(const std::string& name, std::vector<int32_t>& values);
    void get(const std::string& name, std::vector<int64_t>& values);
    void get(const std::string& name, std::vector<double>& values);
    [[noreturn]] void corrupt(const std::string& what) const;

private:
    size_t checked_size(hid_t dataset, hid_t stored, size_t element, const std::string& name) const;
    template <class T>
    void read(const std::string& name, hid_t stored, hid_t held, std::vector<T>& values);
    std::string_view bytes_;
    std::string where_;
    Handle file_;
};

}  // namespace samara::host
