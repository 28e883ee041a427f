// From a data file to token groups: read, synthesise, merge, tokenise, store, 256 records at a
// time, so that memory does not grow with the file.  A second call with equal inputs finds the
// store instead.  Used by runs, by evaluation sets and by `samara synth`.
#pragma once
#include "core/config/plan.hpp"
#include "core/model.hpp"
#include "core/store/store.hpp"
#include "runtime/instances.hpp"
#include "runtime/registry.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// The instruction libraries and synthesizers of a run or an evaluation set, created from the plan.
struct Synthesis {
    Synthesis(const std::vector<PluginUse>& instructions,
              const std::vector<PluginUse>& synthesizers,
              const Registry& registry,
              const HostHooks& hooks);
    std::shared_ptr<InstructionSet> instructions;
    std::vector<std::unique_ptr<SynthesizerInstance>> synthesizers;
    std::vector<std::string> ids;  ///< of the synthesizers, in order
    std::vector<KeyPart> key;      ///< id, version, file hash and parameters of each plugin
    /// Tags in the order of the synthesizers, each once.
    [[nodiscard]] std::vector<std::string> tags() const;
};

/// What happened on the way, for logs, the run folder and reports.
struct Preparation {
    CacheKey key;         ///< of the groups in the store
    int64_t groups = 0;   ///< how many
    bool reused = false;  ///< they were there
    std::string summary;  ///< JSON: rows, skips by reason, groups, relations per tag, tokens,
                          ///< and SynthesisCounts as "instructions"
};

/// The key under which the groups of this data and synthesis are kept.  Reads the data files for
/// their hash.
CacheKey cache_key(const DataSpec& data,
                   uint64_t seed,
                   const Synthesis& synthesis,
                   const Encoder& encoder);

/// Everything that depends on the data but on no model weights; afterwards the store has the
/// groups under `key`.  Polls `hooks.cancelled`.
/// Throws Error(Code::data) for bad rows, Code::plugin_fault for a synthesizer that breaks its
/// contract, Code::preempted when cancelled.
Preparation prepare(const DataSpec& data,
                    uint64_t seed,
                    Synthesis& synthesis,
                    const Encoder& encoder,
                    GroupStore& store,
                    const HostHooks& hooks);

/// The groups, in memory.
std::vector<Group> load_groups(GroupStore& store, const CacheKey& key);

}  // namespace samara::host
