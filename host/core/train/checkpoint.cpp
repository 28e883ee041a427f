// Checkpoints on disk; see checkpoint.hpp.  Tensors lie in one file of the safetensors layout
// (8-byte header length, JSON header, bytes), so other tools can look into it; what is read back
// was verified by the manifest's hash, and must match the live tensors name by name.
#include "core/train/checkpoint.hpp"

#include "core/log/log.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

namespace fs = std::filesystem;

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTensors = "tensors.safetensors";

const char* dtype_name(at::ScalarType type) {
    switch (type) {
        case at::kFloat:
            return "F32";
        case at::kDouble:
            return "F64";
        case at::kBFloat16:
            return "BF16";
        case at::kHalf:
            return "F16";
        case at::kLong:
            return "I64";
        case at::kInt:
            return "I32";
        case at::kByte:
            return "U8";
        case at::kBool:
            return "BOOL";
        default:
            throw Error(Code::internal, "a checkpoint cannot hold this dtype");
    }
}

/// Name -> (begin, end) in the data section, and the JSON header.
Json layout(const std::vector<NamedTensor>& tensors) {
    Json header = Json::object();
    int64_t offset = 0;
    for (const NamedTensor& tensor : tensors) {
        const auto bytes = static_cast<int64_t>(tensor.value.nbytes());
        header[tensor.name] = {{"dtype", dtype_name(tensor.value.scalar_type())},
                               {"shape", tensor.value.sizes().vec()},
                               {"data_offsets", {offset, offset + bytes}}};
        offset += bytes;
    }
    return header;
}

void write_tensors(const std::string& path, const std::vector<NamedTensor>& tensors) {
    std::string header = layout(tensors).dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::ofstream out(path, std::ios::binary);
    const auto size = static_cast<uint64_t>(header.size());
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out.write(header.data(), static_cast<std::streamsize>(header.size()));
    uint64_t total = sizeof size + size;
    for (const NamedTensor& tensor : tensors) {
        const at::Tensor flat = tensor.value.cpu().contiguous();
        out.write(static_cast<const char*>(flat.const_data_ptr()),
                  static_cast<std::streamsize>(flat.nbytes()));
        total += flat.nbytes();
    }
    out.flush();
    if (!out) {
        throw_io("cannot write the checkpoint", path, errno, total);
    }
}

std::vector<fs::path> all_checkpoints(const std::string& run_folder) {
    std::vector<fs::path> out;
    const fs::path parent = fs::path(run_folder) / "checkpoints";
    if (fs::exists(parent)) {
        for (const auto& entry : fs::directory_iterator(parent)) {
            if (entry.is_directory() && entry.path().filename().string().starts_with("step-") &&
                entry.path().filename().string().find('.') == std::string::npos) {
                out.push_back(entry.path());
            }
        }
    }
    std::sort(out.begin(), out.end());  // step numbers are zero-padded
    return out;
}

}  // namespace

std::string to_hex(const std::string& bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += {kDigits[static_cast<unsigned char>(c) >> 4],
                kDigits[static_cast<unsigned char>(c) & 15]};
    }
    return out;
}

std::string from_hex(const std::string& hex) {
    std::string out;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return out;
}

void save_checkpoint(const std::string& run_folder,
                     int64_t step,
                     const nlohmann::json& state,
                     const std::vector<NamedTensor>& tensors,
                     int64_t keep) {
    char name[32];
    std::snprintf(name, sizeof name, "step-%08ld", static_cast<long>(step));
    const fs::path parent = fs::path(run_folder) / "checkpoints";
    AtomicFolder folder((parent / name).string());
    write_tensors(folder.path() + "/" + kTensors, tensors);
    atomic_write(folder.path() + "/state.json", state.dump(2) + "\n");
    folder.publish();
    std::vector<fs::path> old = all_checkpoints(run_folder);
    const auto kept = static_cast<size_t>(std::max<int64_t>(keep, 2));
    for (size_t i = 0; i + kept < old.size(); ++i) {
        fs::remove_all(old[i]);
    }
}

bool has_checkpoint(const std::string& run_folder) {
    return !all_checkpoints(run_folder).empty();
}

std::optional<Checkpoint> newest_checkpoint(const std::string& run_folder) {
    std::vector<fs::path> found = all_checkpoints(run_folder);
    for (auto path = found.rbegin(); path != found.rend(); ++path) {
        try {
            AtomicFolder::verify(path->string());
            Checkpoint checkpoint{path->string(),
                                  0,
                                  nlohmann::json::parse(read_file(path->string() + "/state.json"))};
            checkpoint.step = checkpoint.state.at("step");
            return checkpoint;
        } catch (const std::exception& error) {
            log::warning("checkpoint " + path->string() +
                         " is damaged and is skipped: " + error.what());
        }
    }
    if (!found.empty()) {
        throw Error(Code::corrupt,
                    "no checkpoint of this run is sound",
                    (fs::path(run_folder) / "checkpoints").string(),
                    "remove the folder to start the run anew");
    }
    return std::nullopt;
}

void load_tensors(const Checkpoint& checkpoint, std::vector<NamedTensor>& tensors) {
    const std::string path = checkpoint.folder + "/" + kTensors;
    std::ifstream in(path, std::ios::binary);
    uint64_t size = 0;
    in.read(reinterpret_cast<char*>(&size), sizeof size);
    if (!in || size > fs::file_size(path)) {
        throw Error(Code::corrupt, "cannot read the checkpoint's tensors", path);
    }
    std::string text(size, ' ');
    in.read(text.data(), static_cast<std::streamsize>(size));
    const Json header = Json::parse(text), expected = layout(tensors);
    std::string differences;
    for (const auto& [name, entry] : expected.items()) {
        if (!header.contains(name)) {
            differences += "\n  missing: " + name;
        } else if (header[name]["shape"] != entry["shape"] ||
                   header[name]["dtype"] != entry["dtype"]) {
            differences += "\n  other shape or dtype: " + name;
        }
    }
    for (const auto& [name, entry] : header.items()) {
        if (!expected.contains(name)) {
            differences += "\n  not wanted: " + name;
        }
    }
    if (!differences.empty()) {
        throw Error(
            Code::corrupt, "the checkpoint is of another model or optimizer:" + differences, path);
    }
    const c10::NoGradGuard no_grad;
    const auto data = static_cast<std::streamoff>(sizeof size + size);
    for (NamedTensor& tensor : tensors) {
        at::Tensor flat = at::empty(tensor.value.sizes(),
                                    tensor.value.options().device(at::kCPU).requires_grad(false));
        in.seekg(data + header[tensor.name]["data_offsets"][0].get<std::streamoff>());
        in.read(static_cast<char*>(flat.mutable_data_ptr()),
                static_cast<std::streamsize>(flat.nbytes()));
        if (!in) {
            throw Error(Code::corrupt, "the checkpoint's tensors end too early", path);
        }
        tensor.value.copy_(flat);
    }
}

}  // namespace samara::host
