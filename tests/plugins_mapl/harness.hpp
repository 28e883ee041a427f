// Shared by the tests of samara.pairs and samara.mapl_*: plugins by file, records, and re-checking
// of what came out.
#pragma once
#include "runtime/error.hpp"
#include "runtime/instances.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace samara::test {

using host::Group;
using host::Record;
using Given = std::map<std::string, host::ParamValue>;

inline std::string own(const std::string& name) {
    return std::string(SAMARA_PLUGIN_DIR) + "/" + name + ".so";
}
inline std::string demo() {
    return std::string(SAMARA_TEST_PLUGIN_DIR) + "/samara_test_demo.so";
}
inline std::string toy() {
    return std::string(SAMARA_TEST_PLUGIN_DIR) + "/samara_test_toy.so";
}

inline host::BoundParams bind(const host::Plugin& plugin, const Given& given) {
    host::BoundParams out;
    const auto issues = host::bind_params(*plugin.descriptor, given, out);
    REQUIRE(issues.empty());
    return out;
}

/// A registry over files, its instruction types, and what the plugins logged.
struct Room {
    explicit Room(const std::vector<std::string>& files,
                  const std::vector<std::string>& instruction_ids = {})
        : registry(host::SearchPath{files, {}, false}) {
        hooks.log = [this](int, const std::string& line) { logged.push_back(line); };
        set = std::make_shared<host::InstructionSet>(hooks);
        for (const std::string& id : instruction_ids) {
            set->add(plugin(id), bind(plugin(id), {}));
        }
    }
    const host::Plugin& plugin(const std::string& id) const {
        const host::Plugin* found = registry.find(id);
        INFO("plugin " << id);
        REQUIRE(found != nullptr);
        return *found;
    }
    host::SynthesizerInstance make(const std::string& id, const Given& given = {}) {
        return host::SynthesizerInstance(plugin(id), bind(plugin(id), given), set, hooks);
    }
    /// All records in one range.
    std::vector<Group> run(const std::string& id,
                           const std::vector<Record>& records,
                           const Given& given = {},
                           uint64_t seed = 7) {
        host::SynthesizerInstance instance = make(id, given);
        std::vector<Group> out;
        skipped.clear();
        instance.synthesize(records, 0, static_cast<int64_t>(records.size()), seed, out, skipped);
        return out;
    }

    host::Registry registry;
    host::HostHooks hooks;
    std::shared_ptr<host::InstructionSet> set;
    std::map<std::string, int64_t> skipped;
    std::vector<std::string> logged;
};

/// Pairs whose texts differ in length, letters and endings, from a fixed list of words.
inline std::vector<Record> make_records(int n) {
    const char* words[] = {"maple",
                           "seed",
                           "wing",
                           "river",
                           "quiet",
                           "jump",
                           "box",
                           "fjord",
                           "vivid",
                           "zeal",
                           "plum",
                           "crow",
                           "light"};
    std::vector<Record> out;
    for (int r = 0; r < n; ++r) {
        const auto text = [&](int from, int count, bool period) {
            std::string s;
            for (int w = 0; w < count; ++w) {
                s += (w == 0 ? "" : " ") + std::string(words[(from + w * (1 + r % 5)) % 13]);
            }
            return period ? s + "." : s;
        };
        Record record;
        record.id = "r" + std::to_string(r);
        record.prompt = {{"", "Tell me about number " + std::to_string(r) + "."}};
        record.chosen = text(r, 4 + r % 7, r % 2 == 0);
        record.rejected = text(r + 5, 3 + (r * 3) % 8, r % 3 == 0);
        out.push_back(record);
    }
    return out;
}

/// The first rows of the project's own preference set.
inline std::vector<Record> example_records(size_t most) {
    std::ifstream file(std::string(SAMARA_SOURCE_DIR) + "/examples/data/preferences.jsonl");
    std::vector<Record> out;
    for (std::string line; out.size() < most && std::getline(file, line);) {
        const auto row = nlohmann::json::parse(line);
        Record record;
        record.id = row["id"];
        record.prompt = {{"", row["prompt"]}};
        record.chosen = row["chosen"].get<std::string>();
        record.rejected = row["rejected"].get<std::string>();
        out.push_back(std::move(record));
    }
    return out;
}

/// Everything a group says, as text: equal texts mean equal groups.
inline std::string show(const Group& g) {
    nlohmann::json out = {g.record, g.record_id};
    for (const host::Candidate& c : g.candidates) {
        nlohmann::json prompt;
        for (const host::Message& m : c.prompt) {
            prompt.push_back({m.role, m.content});
        }
        out.push_back({prompt,
                       c.response.value_or("<none>"),
                       c.prompt_ids,
                       c.response_ids,
                       c.label,
                       c.weight,
                       c.tag,
                       c.instructions});
    }
    for (const host::Relation& r : g.relations) {
        out.push_back({r.order, r.i, r.j, r.k, r.l, r.weight, r.margin, r.flip, r.tag});
    }
    out.push_back(g.notes);
    return out.dump();
}
inline std::vector<std::string> show(const std::vector<Group>& groups) {
    std::vector<std::string> out;
    for (const Group& g : groups) {
        out.push_back(show(g));
    }
    return out;
}

/// The truths that a candidate claims, after the checkers have confirmed each on the stored text,
/// and that every wording stands in the prompt.
inline std::vector<bool> verified_truths(const host::InstructionSet& set,
                                         const host::Candidate& c) {
    std::vector<bool> out;
    if (c.instructions.empty()) {
        return out;
    }
    for (const auto& i : nlohmann::json::parse(c.instructions)) {
        std::vector<host::Check> checks = {
            {i["id"].get<std::string>(), i["kwargs"].dump(), i["negated"].get<bool>(), -1, -1}};
        set.check(c.prompt, *c.response, checks);
        INFO(i.dump() << " on " << *c.response);
        REQUIRE(checks[0].strict == (i["truth"].get<bool>() ? 1 : 0));
        REQUIRE(c.prompt.back().content.find(i["text"].get<std::string>()) != std::string::npos);
        out.push_back(i["truth"].get<bool>());
    }
    return out;
}

/// Sorted ids of the instructions of a candidate.
inline std::vector<std::string> types_of(const host::Candidate& c) {
    std::vector<std::string> out;
    for (const auto& i : nlohmann::json::parse(c.instructions)) {
        out.push_back(i["id"]);
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace samara::test
