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

Json count_relations(const std::vector<Group>& groups) {
    std::map<std::string, int64_t> relations;
    int64_t candidates = 0, tokens = 0;
    for (const Group& group : groups) {
        candidates += static_cast<int64_t>(group.candidates.size());
        for (const Candidate& c : group.candidates) {
            tokens += static_cast<int64_t>(c.prompt_ids.size() + c.response_ids.size());
        }
        for (const Relation& r : group.relations) {
            ++relations[r.tag];
        }
    }
    return {{"groups", groups.size()},
            {"candidates", candidates},
            {"relations", relations},
            {"tokens", tokens}};
}

// The groups of all synthesizers, merged record by record.
std::vector<Group> synthesize(const std::vector<Record>& records,
                              uint64_t seed,
                              Synthesis& synthesis,
                              const HostHooks& hooks,
                              Json& skipped,
                              RemovalReport& removed) {
    constexpr int64_t kRecordsPerCall = 256;  // between two looks at the cancel token
    const auto count = static_cast<int64_t>(records.size());
    std::vector<std::vector<Group>> per_record(records.size());
    for (size_t s = 0; s < synthesis.synthesizers.size(); ++s) {
        SynthesizerInstance& plugin = *synthesis.synthesizers[s];
        // A stream of its own by id, so adding a synthesizer does not shift another's draws.
        const uint64_t stream = derive_seed(seed, "synthesizer/" + synthesis.ids[s], 0);
        std::map<std::string, int64_t> reasons;
        for (int64_t first = 0; first < count; first += kRecordsPerCall) {
            if (hooks.cancelled && hooks.cancelled()) {
                throw Error(Code::preempted,
                            "stopped while synthesising",
                            "",
                            "nothing was lost; run again");
            }
            std::vector<Group> groups;
            plugin.synthesize(
                records, first, std::min(count, first + kRecordsPerCall), stream, groups, reasons);
            for (Group& group : groups) {
                per_record[static_cast<size_t>(group.record)].push_back(std::move(group));
            }
        }
        for (const auto& [reason, n] : reasons) {
            skipped[synthesis.ids[s]][reason] = n;
        }
    }
    std::vector<Group> merged;
    for (size_t r = 0; r < records.size(); ++r) {
        if (!per_record[r].empty()) {
            merged.push_back(merge_groups(
                static_cast<int64_t>(r), records[r], std::move(per_record[r]), &removed));
        }
    }
    return merged;
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
    read_records(data, seed, report);
    return make_key(data, seed, report, synthesis, encoder);
}

Preparation prepare(const DataSpec& data,
                    uint64_t seed,
                    Synthesis& synthesis,
                    const Encoder& encoder,
                    GroupStore& store,
                    const HostHooks& hooks) {
    Preparation out;
    DataReport report;
    const std::vector<Record> records = read_records(data, seed, report, hooks.cancelled);
    out.key = make_key(data, seed, report, synthesis, encoder);
    if (auto cached = store.read(out.key)) {
        out.groups = std::move(cached->groups);
        out.summary = std::move(cached->summary);
        out.reused = true;
        return out;
    }
    Json skipped = Json::object();
    RemovalReport removed;
    out.groups = synthesize(records, seed, synthesis, hooks, skipped, removed);
    EncodeReport encoding;
    encode_groups(out.groups, encoder, data, encoding, hooks.cancelled);
    Json summary = {{"rows", report.rows},
                    {"bad_rows", report.bad_rows},
                    {"first_bad", report.first_bad},
                    {"duplicate_ids", report.duplicate_ids},
                    {"skipped", skipped},
                    {"compared_with_itself", removed.same_contrasts + removed.self_preferences}};
    summary.update(count_relations(out.groups));
    summary["instructions"] = Json::parse(count_synthesis(out.groups));
    summary["unclean_borders"] = encoding.unclean_borders;
    summary["too_long"] = {{"candidates", encoding.too_long},
                           {"prompt_alone", encoding.prompt_too_long},
                           {"relations", encoding.removed.relations},
                           {"groups", encoding.removed.groups},
                           {"first", encoding.first_too_long}};
    if (out.groups.empty()) {
        throw Error(Code::data,
                    "no group is left to train on after synthesis and the token limit",
                    data.files.front(),
                    "what removed them: " + summary.dump());
    }
    out.summary = summary.dump();
    store.write(out.key, out.groups, out.summary);
    return out;
}

}  // namespace samara::host
