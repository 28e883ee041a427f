// safetensors files: a strict reader over a memory map and a deterministic writer.  Knows bytes,
// types and shapes; knows nothing of models.  Source of the rules: the format's README and
// reference reader (docs/reliability.md, 2.4).
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace samara::host {

/// One tensor's entry; bytes [begin, end) of the data that follows the header.
struct TensorEntry {
    std::string dtype;  ///< "F32", "BF16", ...
    std::vector<int64_t> shape;
    uint64_t begin = 0, end = 0;
};

/// Checks the header of a whole file's bytes and returns its entries by name; `data_start` is where
/// data begins. Errors    corrupt, one message for each rule: header length, '{', JSON, duplicate
/// key, entry keys, dtype, shape
///           overflow, size mismatch, overlap, hole, trailing bytes
std::map<std::string, TensorEntry> parse_safetensors(std::string_view bytes,
                                                     const std::string& where,
                                                     uint64_t& data_start);

/// An open file.  The map lives as long as this object; tensors handed out are copies. [any-thread]
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::string& path);  ///< Errors: io, corrupt
    ~SafetensorsFile();
    SafetensorsFile(const SafetensorsFile&) = delete;
    SafetensorsFile& operator=(const SafetensorsFile&) = delete;

    [[nodiscard]] const std::map<std::string, TensorEntry>& entries() const { return entries_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Copies a tensor of type F64, F32, F16 or BF16 into `out`, converting; the shapes must be
    /// equal. Errors    corrupt: no such tensor, another shape, not a floating type
    void read_into(const std::string& name, const at::Tensor& out) const;

private:
    std::string path_;
    std::string_view bytes_;
    uint64_t data_start_ = 0;
    std::map<std::string, TensorEntry> entries_;
};

/// Writes tensors (float32, float64, float16, bfloat16 or int64) in the order of their names,
/// metadata
/// {"format": "pt"}, mode 0644.  The same tensors give the same bytes.  Neither atomic nor synced:
/// the caller's folder protocol is.  Errors: io
void write_safetensors(const std::string& path,
                       std::vector<std::pair<std::string, at::Tensor>> tensors);

}  // namespace samara::host
