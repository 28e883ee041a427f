// The strict reader; each rule has its own message, so that a damaged file says what is wrong with
// it.
#include "lm/model/safetensors.hpp"

#include "lm/model/json.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace samara::host {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;  // bytes, the format's own cap

[[noreturn]] void damaged(const std::string& what, const std::string& where) {
    throw Error(Code::corrupt, "safetensors: " + what, where, "download or export the file again");
}

/// Bits of an element; 0: unknown.
uint64_t bits_of(const std::string& dtype) {
    static const std::map<std::string, uint64_t> known{{"F64", 64},
                                                       {"F32", 32},
                                                       {"F16", 16},
                                                       {"BF16", 16},
                                                       {"I64", 64},
                                                       {"I32", 32},
                                                       {"I16", 16},
                                                       {"I8", 8},
                                                       {"U64", 64},
                                                       {"U32", 32},
                                                       {"U16", 16},
                                                       {"U8", 8},
                                                       {"BOOL", 8},
                                                       {"F8_E4M3", 8},
                                                       {"F8_E5M2", 8}};
    const auto found = known.find(dtype);
    return found == known.end() ? 0 : found->second;
}

bool is_unsigned_list(const nlohmann::json& value) {
    return value.is_array() && std::all_of(value.begin(), value.end(), [](const auto& item) {
               return item.is_number_unsigned();
           });
}

TensorEntry parse_entry(const std::string& name,
                        const nlohmann::json& json,
                        const std::string& where) {
    const std::string who = "tensor '" + name + "'";
    if (!json.is_object() || json.size() != 3 || !json.contains("dtype") ||
        !json.contains("shape") || !json.contains("data_offsets"))
        damaged(who + " must have dtype, shape and data_offsets and nothing else", where);
    if (!json["dtype"].is_string() || bits_of(json["dtype"]) == 0)
        damaged(who + " has the unknown dtype " + json["dtype"].dump(), where);
    if (!is_unsigned_list(json["shape"]))
        damaged(who + " has a shape that is not a list of sizes", where);
    if (!is_unsigned_list(json["data_offsets"]) || json["data_offsets"].size() != 2)
        damaged(who + " has data_offsets that are not two offsets", where);
    TensorEntry entry;
    entry.dtype = json["dtype"];
    uint64_t total_bits = bits_of(entry.dtype);
    for (const auto& item : json["shape"]) {
        const auto size = item.get<uint64_t>();
        if (size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
            __builtin_mul_overflow(total_bits, size, &total_bits))
            damaged(who + " has a shape whose size overflows", where);
        entry.shape.push_back(static_cast<int64_t>(size));
    }
    entry.begin = json["data_offsets"][0];
    entry.end = json["data_offsets"][1];
    if (entry.end < entry.begin)
        damaged(who + " ends before it begins", where);
    if (entry.end - entry.begin != total_bits / 8)
        damaged(who + " has offsets that do not fit its shape and dtype", where);
    return entry;
}

/// No overlap, no hole, and the last tensor ends where the file does.
void check_layout(const std::map<std::string, TensorEntry>& entries,
                  uint64_t size,
                  const std::string& where) {
    std::vector<std::pair<const TensorEntry*, const std::string*>> sorted;
    for (const auto& [name, entry] : entries)
        sorted.emplace_back(&entry, &name);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first->begin, a.first->end) < std::pair(b.first->begin, b.first->end);
    });
    uint64_t at = 0;
    for (const auto& [entry, name] : sorted) {
        if (entry->begin < at)
            damaged("tensor '" + *name + "' overlaps another", where);
        if (entry->begin > at)
            damaged("there is a hole before tensor '" + *name + "'", where);
        at = entry->end;
    }
    if (at > size)
        damaged("the data ends before the last tensor does (truncated file)", where);
    if (at < size)
        damaged("there are trailing bytes after the last tensor", where);
}

at::ScalarType type_of(const std::string& dtype,
                       const std::string& name,
                       const std::string& where) {
    if (dtype == "F32")
        return at::kFloat;
    if (dtype == "BF16")
        return at::kBFloat16;
    if (dtype == "F16")
        return at::kHalf;
    if (dtype == "F64")
        return at::kDouble;
    throw Error(Code::corrupt,
                "tensor '" + name + "' has dtype " + dtype,
                where,
                "weights must be F32, BF16, F16 or F64 (quantized checkpoints are not read)");
}

}  // namespace

std::map<std::string, TensorEntry> parse_safetensors(std::string_view bytes,
                                                     const std::string& where,
                                                     uint64_t& data_start) {
    if (bytes.size() < 8)
        damaged("the file is shorter than its 8-byte header length", where);
    uint64_t length = 0;
    for (int i = 7; i >= 0; --i)
        length = length << 8 | static_cast<unsigned char>(bytes[i]);
    if (length > kMaxHeader)
        damaged("the header length " + std::to_string(length) + " exceeds 100000000", where);
    if (length > bytes.size() - 8)
        damaged("the header is longer than the file", where);
    const auto header = bytes.substr(8, length);
    if (header.empty() || header.front() != '{')
        damaged("the header does not begin with '{'", where);
    const auto json = parse_json(header, where, Code::corrupt);
    std::map<std::string, TensorEntry> entries;
    for (const auto& [name, value] : json.items()) {
        if (name != "__metadata__") {
            entries[name] = parse_entry(name, value, where);
            continue;
        }
        for (const auto& item : value)
            if (!value.is_object() || !item.is_string())
                damaged("__metadata__ must map text to text", where);
    }
    data_start = 8 + length;
    check_layout(entries, bytes.size() - data_start, where);
    return entries;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat info {};
    if (file < 0 || ::fstat(file, &info) != 0) {
        const int why = errno;
        if (file >= 0)
            ::close(file);
        throw Error(Code::io, std::string("cannot open: ") + std::strerror(why), path);
    }
    const auto size = static_cast<size_t>(info.st_size);
    void* map = size == 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    const int why = errno;
    ::close(file);
    if (size == 0)
        damaged("the file is empty", path);
    if (map == MAP_FAILED)
        throw Error(Code::io, std::string("cannot map: ") + std::strerror(why), path);
    bytes_ = {static_cast<const char*>(map), size};
    try {
        entries_ = parse_safetensors(bytes_, path, data_start_);
    } catch (...) {
        ::munmap(map, size);
        throw;
    }
}

SafetensorsFile::~SafetensorsFile() {
    ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

void SafetensorsFile::read_into(const std::string& name, const at::Tensor& out) const {
    const auto found = entries_.find(name);
    if (found == entries_.end())
        throw Error(Code::corrupt,
                    "tensor '" + name + "' is missing",
                    path_,
                    "config.json and the weights are not of one model");
    const TensorEntry& entry = found->second;
    if (at::IntArrayRef(entry.shape) != out.sizes()) {
        const auto text = [](at::IntArrayRef shape) {
            std::string list;
            for (const int64_t size : shape)
                list += (list.empty() ? "" : ", ") + std::to_string(size);
            return "[" + list + "]";
        };
        throw Error(Code::corrupt,
                    "tensor '" + name + "' has shape " + text(entry.shape) +
                        ", config.json implies " + text(out.sizes()),
                    path_);
    }
    // Copied byte by byte first: the format does not align tensors to their element size.
    at::Tensor raw = at::empty(entry.shape, type_of(entry.dtype, name, path_));
    if (entry.end > entry.begin)
        std::memcpy(raw.mutable_data_ptr(),
                    bytes_.data() + data_start_ + entry.begin,
                    entry.end - entry.begin);
    out.copy_(raw);
}

}  // namespace samara::host
