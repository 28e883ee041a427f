// Checkpoints: a folder that appears whole or not at all, with every byte that an exact resume
// needs.
//   <run>/checkpoints/step-00000010/{tensors.safetensors, state.json, manifest.json}
#pragma once
#include "core/train/optimize.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace samara::host {

struct Checkpoint {
    std::string folder;
    int64_t step = 0;
    nlohmann::json state;  ///< step, metrics offset, identity of the run, plugin state
};

/// Writes step N atomically, then removes the oldest beyond `keep` (at least 2).  Throws
/// Error(Code::io) when the disk is full or not writable; earlier checkpoints stay as they are.
void save_checkpoint(const std::string& run_folder,
                     int64_t step,
                     const nlohmann::json& state,
                     const std::vector<NamedTensor>& tensors,
                     int64_t keep);

/// Whether there is one, sound or not.
bool has_checkpoint(const std::string& run_folder);

/// The newest checkpoint whose files agree with its manifest; damaged ones are skipped with a
/// warning. Throws Error(Code::corrupt) when there are some and none is sound.
std::optional<Checkpoint> newest_checkpoint(const std::string& run_folder);

/// Copies the checkpoint's tensors into `tensors`; names, shapes and dtypes must all agree, else
/// Error(Code::corrupt) that lists the differences, and nothing is changed.
void load_tensors(const Checkpoint& checkpoint, std::vector<NamedTensor>& tensors);

/// Plugin state is bytes, JSON holds text: lower-case hexadecimal and back.
std::string to_hex(const std::string& bytes);
std::string from_hex(const std::string& hex);

}  // namespace samara::host
