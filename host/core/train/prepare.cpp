// Data preparation; see prepare.hpp.
#include "core/train/prepare.hpp"

#include "core/data/groups.hpp"
#include "core/data/reader.hpp"
#include "core/log/log.hpp"
#include "core/report/synthesis.hpp"
#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

const Plugin& need(const Registry& registry, const PluginUse& use) {
    const Plugin* plugin = registry.find(use.id);
    if (plugin == nullptr) {
        throw Error(
            Code::plugin, "no plugin '" + use.id + "'", use.where, "see `samara plugins list`");
    }
    return *plugin;
}

// What a plugin contributes to a cache key: everything its output can depend on but the data.
std::string identity(const Plugin& plugin, const BoundParams& params) {
    return "version=" + std::string(plugin.descriptor->version) +
           ";file=" + plugin.library->sha256 + ";params=" + params.canonical();
}

CacheKey make_key(const DataSpec& data,
                  uint64_t seed,
                  const DataReport& report,
                  const Synthesis& synthesis,
                  const Encoder& encoder) {
    CacheKey key;
    // Raise it when reading, merging, encoding or the summary's layout change what is stored.
    key.parts.push_back({"preparation", "4"});
    key.parts.push_back({"data", report.content_hash});
    std::string rules =
        "format=" + data.format + ";prompt=" + data.prompt + ";response=" + data.response +
        ";max_records=" + std::to_string(data.max_records) + ";on_bad_row=" + data.on_bad_row;
    for (const auto& [ours, theirs] : data.columns) {
        rules += ";" + ours + "=" + theirs;
    }
    key.parts.push_back({"reading", rules});
    key.parts.push_back({"seed", std::to_string(seed)});
    key.parts.insert(key.parts.end(), synthesis.key.begin(), synthesis.key.end());
    key.parts.push_back({"tokenizer", encoder.fingerprint()});
    key.parts.push_back(
        {"limits", "max_tokens=" + std::to_string(data.max_tokens) + ";too_long=" + data.too_long});
    return key;
}

/// What is counted of the groups, for the summary.
struct Counts {
    int64_t groups = 0, candidates = 0, tokens = 0;
    std::map<std::string, int64_t> relations;  // by tag
    SynthesisCounts instructions;

    void add(const Group& group) {
        ++groups;
        candidates += static_cast<int64_t>(group.candidates.size());
        for (const Candidate& c : group.candidates) {
            tokens += static_cast<int64_t>(c.prompt_ids.size() + c.response_ids.size());
        }
        for (const Relation& r : group.relations) {
            ++relations[r.tag];
        }
        instructions.add(group);
    }
};

/// The synthesizers at work on a block of records.
class Synthesizing {
public:
    Synthesizing(const Records& records, uint64_t seed, Synthesis& synthesis)
        : records_(records), synthesis_(synthesis), reasons_(synthesis.synthesizers.size()) {
        for (const std::string& id : synthesis.ids) {
            // A stream of its own by id, so adding a synthesizer does not shift another's draws.
            streams_.push_back(derive_seed(seed, "synthesizer/" + id, 0));
        }
    }

    /// The groups of all synthesizers for [first, last), merged record by record.
    std::vector<Group> block(int64_t first, int64_t last) {
        std::vector<std::vector<Group>> per_record(static_cast<size_t>(last - first));
        for (size_t s = 0; s < streams_.size(); ++s) {
            std::vector<Group> groups;
            synthesis_.synthesizers[s]->synthesize(
                records_, first, last, streams_[s], groups, reasons_[s]);
            for (Group& group : groups) {
                per_record[static_cast<size_t>(group.record - first)].push_back(std::move(group));
            }
        }
        std::vector<Group> merged;
        for (int64_t r = first; r < last; ++r) {
            auto& groups = per_record[static_cast<size_t>(r - first)];
            if (!groups.empty()) {
                merged.push_back(merge_groups(r, *records_.get(r), std::move(groups), &removed_));
            }
        }
        return merged;
    }

    [[nodiscard]] Json skipped() const {
        Json out = Json::object();
        for (size_t s = 0; s < reasons_.size(); ++s) {
            for (const auto& [reason, n] : reasons_[s]) {
                out[synthesis_.ids[s]][reason] = n;
            }
        }
        return out;
    }
    [[nodiscard]] const RemovalReport& removed() const { return removed_; }

private:
    const Records& records_;
    Synthesis& synthesis_;
    std::vector<uint64_t> streams_;
    std::vector<std::map<std::string, int64_t>> reasons_;
    RemovalReport removed_;
};

Json summary_of(const DataReport& report,
                const Synthesizing& work,
                const Counts& counts,
                const EncodeReport& encoding) {
    return {
        {"rows", report.rows},
        {"bad_rows", report.bad_rows},
        {"first_bad", report.first_bad},
        {"duplicate_ids", report.duplicate_ids},
        {"skipped", work.skipped()},
        {"compared_with_itself", work.removed().same_contrasts + work.removed().self_preferences},
        {"groups", counts.groups},
        {"candidates", counts.candidates},
        {"relations", counts.relations},
        {"tokens", counts.tokens},
        {"instructions", Json::parse(counts.instructions.text())},
        {"unclean_borders", encoding.unclean_borders},
        {"too_long",
         {{"candidates", encoding.too_long},
          {"prompt_alone", encoding.prompt_too_long},
          {"relations", encoding.removed.relations},
          {"groups", encoding.removed.groups},
          {"first", encoding.first_too_long}}},
        {"truncated",
         {{"candidates", encoding.truncated},
          {"tokens", encoding.truncated_tokens},
          {"first", encoding.first_truncated}}}};
}

}  // namespace

Synthesis::Synthesis(const std::vector<PluginUse>& instruction_uses,
                     const std::vector<PluginUse>& synthesizer_uses,
                     const Registry& registry,
                     const HostHooks& hooks)
    : instructions(std::make_shared<InstructionSet>(hooks)) {
    for (size_t i = 0; i < instruction_uses.size(); ++i) {
        const Plugin& plugin = need(registry, instruction_uses[i]);
        instructions->add(plugin, instruction_uses[i].params);
        key.push_back(
            {"instructions " + plugin.id(), identity(plugin, instruction_uses[i].params)});
    }
    for (size_t i = 0; i < synthesizer_uses.size(); ++i) {
        const Plugin& plugin = need(registry, synthesizer_uses[i]);
        synthesizers.push_back(std::make_unique<SynthesizerInstance>(
            plugin, synthesizer_uses[i].params, instructions, hooks));
        ids.push_back(plugin.id());
        key.push_back({"synthesizer " + std::to_string(i) + " " + plugin.id(),
                       identity(plugin, synthesizer_uses[i].params)});
    }
}

std::vector<std::string> Synthesis::tags() const {
    std::vector<std::string> out;
    for (const auto& synthesizer : synthesizers) {
        for (const std::string& tag : synthesizer->tags()) {
            if (std::find(out.begin(), out.end(), tag) == out.end()) {
                out.push_back(tag);
            }
        }
    }
    return out;
}

CacheKey cache_key(const DataSpec& data,
                   uint64_t seed,
                   const Synthesis& synthesis,
                   const Encoder& encoder) {
    DataReport report;
    const Records records(data, seed, report);
    return make_key(data, seed, report, synthesis, encoder);
}

Preparation prepare(const DataSpec& data,
                    uint64_t seed,
                    Synthesis& synthesis,
                    const Encoder& encoder,
                    GroupStore& store,
                    const HostHooks& hooks) {
    constexpr int64_t kBlock = 256;  // records between two looks at the cancel token
    Preparation out;
    DataReport report;
    const Records records(data, seed, report, hooks.cancelled);
    out.key = make_key(data, seed, report, synthesis, encoder);
    if (auto summary = store.find(out.key)) {
        out.summary = std::move(*summary);
        out.groups = Json::parse(out.summary)["groups"];
        out.reused = true;
        return out;
    }
    GroupStore::Writer writer = store.writer(out.key);
    Synthesizing work(records, seed, synthesis);
    EncodeReport encoding;
    Counts counts;
    for (int64_t first = 0; first < records.size(); first += kBlock) {
        if (hooks.cancelled && hooks.cancelled()) {
            throw Error(
                Code::preempted, "stopped while synthesising", "", "nothing was lost; run again");
        }
        std::vector<Group> groups = work.block(first, std::min(records.size(), first + kBlock));
        encode_groups(groups, encoder, data, encoding, hooks.cancelled);
        for (const Group& group : groups) {
            counts.add(group);
            writer.add(group);
        }
    }
    records.check_unchanged();
    const Json summary = summary_of(report, work, counts, encoding);
    if (counts.groups == 0) {
        throw Error(Code::data,
                    "no group is left to train on after synthesis and the token limit",
                    data.files.front(),
                    "what removed them: " + summary.dump());
    }
    out.groups = counts.groups;
    out.summary = summary.dump();
    writer.publish(out.summary);
    return out;
}

std::vector<Group> load_groups(GroupStore& store, const CacheKey& key) {
    std::vector<Group> out;
    store.each(key, [&](Group&& group) { out.push_back(std::move(group)); });
    return out;
}

}  // namespace samara::host
