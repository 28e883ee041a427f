// Running instances of synthesizer and instruction plugins: from the C ABI to the host's own types,
// with every rule of the contract checked.  No ATen here; objective.hpp and optimizer.hpp are the
// kinds that see tensors. A broken rule throws Error(Code::plugin_fault) (Code::non_finite for a
// NaN), naming plugin, function and rule.
#pragma once
#include "runtime/params.hpp"
#include "runtime/record_source.hpp"
#include "runtime/registry.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

/// Where the run stands; plugins read it through samara_host.info.
struct RunInfo {
    uint64_t seed = 0;
    int64_t step = 0, total_steps = 0;  ///< optimizer steps, from 0
    bool evaluating = false;            ///< no gradient will be asked for
    double epoch = 0;
    std::string pipeline = "reward", device = "cpu";
    std::vector<std::string> tags;  ///< names behind rel.tag
};

/// What all instances share.  Both may be empty.  Called from the thread of the call; must not
/// throw.
struct HostHooks {
    std::function<void(int level, const std::string&)>
        log;  ///< 0 debug .. 3 error; the text begins "<plugin id>: "
    std::function<bool()> cancelled;
};

/// The plugin whose code this thread runs, or null.  Async-signal-safe: for a crash handler.
const char* entered_plugin() noexcept;

class Instance;  // runtime/instance.hpp

struct InstructionType {
    std::string id, doc;
    std::string conflicts;  ///< ids by spaces; "*" all, "-id" but not that one
    bool can_solve = false, can_negate = false;
};

/// One instruction and, after InstructionSet::check, the verdicts: 1 followed, 0 not followed, -1
/// cannot be decided.
struct Check {
    std::string id, kwargs;  ///< kwargs: the text of a JSON object
    bool negated = false;
    int64_t strict = -1, loose = -1;
};

struct Demand {
    std::string response;
    bool truth = true;
};

struct Solution {
    std::string kwargs;
    bool negated = false;
    bool operator==(const Solution&) const = default;
};

/// The instruction types of all libraries of a run.  [any-thread]: one call at a time inside each
/// library.
///
/// Errors: Code::data when a library refuses its input (unknown id, bad kwargs), Code::plugin_fault
/// otherwise.
class InstructionSet {
public:
    explicit InstructionSet(HostHooks hooks = {});
    ~InstructionSet();
    InstructionSet(const InstructionSet&) = delete;
    InstructionSet& operator=(const InstructionSet&) = delete;

    /// Adds a library.  A type id that another library has is Error(Code::config).
    void add(const Plugin& plugin, const BoundParams& params);
    /// Sorted by id, so nothing depends on the order of adding.
    [[nodiscard]] const std::vector<InstructionType>& types() const;
    /// Judges one response; ids may belong to different libraries.
    void check(std::span<const Message> prompt,
               const std::string& response,
               std::vector<Check>& checks) const;
    /// Arguments of types()[type] under which every demand holds strictly, or nothing.
    [[nodiscard]] std::optional<Solution> solve(std::span<const Record> corpus,
                                                int64_t type,
                                                std::span<const Message> prompt,
                                                std::span<const Demand> demands,
                                                uint64_t seed) const;
    /// One wording.  `set`: 0 all, 1 training, 2 held out.
    [[nodiscard]] std::string phrase(const std::string& id,
                                     const std::string& kwargs,
                                     bool negated,
                                     int64_t set,
                                     uint64_t seed) const;

    struct State;
    [[nodiscard]] State& state() const { return *state_; }  ///< for the ABI side

private:
    std::unique_ptr<State> state_;
};

/// A synthesizer with its parameters.  [one call at a time]
class SynthesizerInstance {
public:
    /// `instructions` may be null: then the plugin sees a set without types.
    SynthesizerInstance(const Plugin& plugin,
                        const BoundParams& params,
                        std::shared_ptr<InstructionSet> instructions,
                        HostHooks hooks = {});
    ~SynthesizerInstance();
    SynthesizerInstance(SynthesizerInstance&&) noexcept;

    [[nodiscard]] const std::vector<std::string>& tags() const { return tags_; }
    [[nodiscard]] bool needs_text() const { return needs_text_; }
    [[nodiscard]] bool needs_pairs() const { return needs_pairs_; }

    /// Appends the groups of records [first, last) to `out`, in order, with record_id and meta
    /// filled from the record, and adds skip reasons to `skipped`.  Checked: indices, finite
    /// numbers, flip in [0, 1], declared tags, order of records, UTF-8.
    /// Throws what `all` throws, and Error(Code::plugin_fault) for a broken rule.
    void synthesize(const RecordSource& all,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    std::vector<Group>& out,
                    std::map<std::string, int64_t>& skipped);
    void synthesize(std::span<const Record> all,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    std::vector<Group>& out,
                    std::map<std::string, int64_t>& skipped) {
        synthesize(RecordSpan(all), first, last, seed, out, skipped);
    }

private:
    std::unique_ptr<Instance> instance_;
    std::shared_ptr<InstructionSet> instructions_;
    std::vector<std::string> tags_;
    bool needs_text_ = true, needs_pairs_ = true;
};

}  // namespace samara::host
