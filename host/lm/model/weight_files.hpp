// The weights of a folder as one set of tensors: model.safetensors, or the shards that
// model.safetensors.index.json lists.  Knows files and names; what the tensors mean is
// folder.cpp's.
#pragma once
#include "lm/model/safetensors.hpp"

#include <map>
#include <memory>
#include <string>

namespace samara::host {

/// Open files.  Where the folder has both, model.safetensors is read and the index is not, as in
/// transformers.  [any-thread]
class WeightFiles {
public:
    /// Errors: config (no weights, only pickled ones), io, and corrupt with a message for each
    /// rule: an index that is not {"weight_map": {TENSOR: FILE}}, a file name that leaves the
    /// folder, a shard that is absent, a tensor that its shard lacks, that two shards hold, or that
    /// no line of the index names.  The index's metadata is not read: its sizes are often wrong.
    explicit WeightFiles(const std::string& folder);

    /// Every tensor and the file that holds it.
    [[nodiscard]] const std::map<std::string, const SafetensorsFile*>& tensors() const {
        return tensors_;
    }
    /// The one file, or the index.
    [[nodiscard]] const std::string& path() const { return path_; }
    /// As SafetensorsFile::read_into.
    void read_into(const std::string& name, const at::Tensor& out) const;

private:
    void open_shards();
    std::string path_;
    std::map<std::string, std::unique_ptr<SafetensorsFile>> files_;  ///< by file name
    std::map<std::string, const SafetensorsFile*> tensors_;
};

}  // namespace samara::host
