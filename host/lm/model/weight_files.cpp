// See weight_files.hpp.
#include "lm/model/weight_files.hpp"

#include "lm/model/json.hpp"

#include <filesystem>

namespace samara::host {
namespace {

constexpr uintmax_t kMaxIndex = 100'000'000;  // bytes, the cap of a safetensors header

[[noreturn]] void damaged(const std::string& what, const std::string& where) {
    throw Error(Code::corrupt, "weights index: " + what, where, "download or export it again");
}

/// The index's weight_map, every entry a file name beside the index.
std::map<std::string, std::string> read_index(const std::string& path) {
    if (std::filesystem::file_size(path) > kMaxIndex)
        damaged("the file is longer than 100000000 bytes", path);
    const auto json = parse_json(read_text(path), path, Code::corrupt);
    if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
        damaged("'weight_map' is missing or maps nothing", path);
    std::map<std::string, std::string> map;
    for (const auto& [tensor, file] : json["weight_map"].items()) {
        if (!file.is_string())
            damaged("tensor '" + tensor + "' names no file", path);
        const auto& name = map[tensor] = file.get<std::string>();
        if (!name.ends_with(".safetensors") || name.find_first_of("/\\") != std::string::npos)
            damaged("tensor '" + tensor + "' names '" + name +
                        "', which is no .safetensors file beside the index",
                    path);
    }
    if (map.empty())
        damaged("'weight_map' is empty", path);
    return map;
}

}  // namespace

WeightFiles::WeightFiles(const std::string& folder) : path_(folder + "/model.safetensors") {
    if (file_exists(path_)) {
        const auto& file = files_[path_] = std::make_unique<SafetensorsFile>(path_);
        for (const auto& [name, entry] : file->entries())
            tensors_[name] = file.get();
        return;
    }
    path_ += ".index.json";
    if (!file_exists(path_))
        throw Error(Code::config,
                    "no model.safetensors in the model folder, nor an index of its shards",
                    folder,
                    "weights are read from safetensors only, never from pickled files");
    open_shards();
}

void WeightFiles::open_shards() {
    const auto map = read_index(path_);
    const auto folder = std::filesystem::path(path_).parent_path();
    for (const auto& [tensor, name] : map) {
        const std::string shard = (folder / name).string();
        if (files_.count(name))
            continue;
        if (!file_exists(shard))
            damaged("the shard '" + name + "' is absent; tensor '" + tensor + "' is in it", path_);
        files_[name] = std::make_unique<SafetensorsFile>(shard);
    }
    for (const auto& [name, file] : files_)
        for (const auto& [tensor, entry] : file->entries()) {
            const auto [known, fresh] = tensors_.emplace(tensor, file.get());
            if (!fresh)
                damaged("tensor '" + tensor + "' is in two shards, " +
                            std::filesystem::path(known->second->path()).filename().string() +
                            " and " + name,
                        path_);
            if (!map.count(tensor))
                damaged("tensor '" + tensor + "' of shard '" + name + "' is not in the index",
                        path_);
        }
    for (const auto& [tensor, name] : map) {
        const auto found = tensors_.find(tensor);
        if (found == tensors_.end() || found->second != files_.at(name).get())
            damaged("the shard '" + name + "' lacks tensor '" + tensor + "'", path_);
    }
}

void WeightFiles::read_into(const std::string& name, const at::Tensor& out) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
        throw Error(Code::corrupt,
                    "tensor '" + name + "' is missing",
                    path_,
                    "config.json and the weights are not of one model");
    found->second->read_into(name, out);
}

}  // namespace samara::host
