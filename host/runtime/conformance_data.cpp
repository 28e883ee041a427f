// The conformance run of what makes and judges data: synthesizers and instruction libraries.  See
// conformance.hpp.
#include "runtime/conformance_detail.hpp"

#include <samara/instruction.hpp>

#include <algorithm>
#include <bit>
#include <map>
#include <memory>

namespace samara::host {
namespace {

/// A small instruction library, so that synthesizers which draw from one have something to draw.
struct ProbeTypes {
    // Enough types for prompts with several instructions.
    static constexpr const char* kLetter = "it has a letter";
    static constexpr samara::InstructionType types[] = {{"probe:length", "it has n bytes or more"},
                                                        {"probe:letter_1", kLetter},
                                                        {"probe:letter_2", kLetter},
                                                        {"probe:letter_3", kLetter},
                                                        {"probe:letter_4", kLetter},
                                                        {"probe:letter_5", kLetter}};
    static samara::Verdict check(std::string_view id,
                                 std::string_view kwargs,
                                 bool negated,
                                 std::span<const samara_message> /*prompt*/,
                                 std::string_view response) {
        const bool length = id == "probe:length";
        const size_t colon = kwargs.find(':');
        const std::string value(kwargs.substr(colon + 1, kwargs.size() - colon - 2));
        const bool holds = length ? response.size() >= std::stoul(value)
                                  : response.find(value[1]) != response.npos;
        return {holds != negated ? 1 : 0, holds != negated ? 1 : 0};
    }
    static std::optional<samara::Solution> solve(const samara::Dataset& /*corpus*/,
                                                 std::string_view id,
                                                 std::span<const samara_message> prompt,
                                                 std::span<const samara::Demand> demands,
                                                 uint64_t seed) {
        samara::Random random(seed);
        for (int tries = 0; tries < 64; ++tries) {
            samara::Solution s;
            s.negated = random.below(2) == 1;
            s.kwargs =
                id == "probe:length"
                    ? "{\"n\":" + std::to_string(random.between(1, 80)) + "}"
                    : std::string("{\"c\":\"") + static_cast<char>('a' + random.below(26)) + "\"}";
            const bool good =
                std::all_of(demands.begin(), demands.end(), [&](const samara::Demand& d) {
                    return (check(id, s.kwargs, s.negated, prompt, d.response).strict == 1) ==
                           d.truth;
                });
            if (good) {
                return s;
            }
        }
        return std::nullopt;
    }
    static std::string phrase(std::string_view id,
                              std::string_view kwargs,
                              bool negated,
                              samara::Wordings,
                              uint64_t) {
        return std::string(negated ? "Not: " : "") + std::string(id) + " " + std::string(kwargs) +
               ".";
    }
};

std::vector<Record> sample_records() {
    const char* rows[][3] = {
        {"Name three rivers.",
         "The Danube, the Volga and the Loire are three rivers.",
         "Rivers, many."},
        {"Why is the sky blue?",
         "Short waves scatter most in air, and blue is short.",
         "Because it reflects the sea, always."},
        {"Write one line about tea.",
         "\"Steam rises; the *morning* waits in a **cup**.\"",
         "Tea is a drink that people drink."},
        {"What is 7 times 8?",
         "<<Seven by eight>>\n* 7 times 8\n* It is 56.\n\nP.S. [name], check it.",
         "It is 54, I believe, or so."},
        {"Give me a synonym of quick.", "Rapid.", "Slow, fast, quick, and perhaps also green."},
        {"Describe a cat.",
         "A small hunter with soft fur and its own plans.",
         "A cat is a cat is a cat."}};
    std::vector<Record> out;
    for (const auto& row : rows) {
        Record r;
        r.id = "conformance:" + std::to_string(out.size() + 1);
        r.prompt = {{"user", row[0]}};
        r.chosen = row[1];
        r.rejected = row[2];
        out.push_back(std::move(r));
    }
    return out;
}

/// Everything of the groups as one text; equal texts are equal groups.
std::string text_of(const std::vector<Group>& groups) {
    std::string out;
    const auto put = [&out](const std::string& s) {
        out += std::to_string(s.size()) + ":" + s + ",";
    };
    const auto number = [&out](double v) {
        out += std::to_string(std::bit_cast<uint64_t>(v)) + ",";
    };
    for (const Group& g : groups) {
        number(static_cast<double>(g.record));
        for (const Candidate& c : g.candidates) {
            for (const Message& m : c.prompt) {
                put(m.role);
                put(m.content);
            }
            put(c.response.value_or("\xff"));
            number(static_cast<double>(c.label));
            number(c.auxiliary ? 1 : 0);
            number(c.weight);
            put(c.tag);
            put(c.instructions);
        }
        for (const Relation& r : g.relations) {
            for (const int64_t i : {r.order, r.i, r.j, r.k, r.l}) {
                number(static_cast<double>(i));
            }
            number(r.weight);
            number(r.margin);
            number(r.flip);
            put(r.tag);
        }
        for (const auto& [key, value] : g.notes) {
            put(key);
            put(value);
        }
    }
    return out;
}

/// Solves for one combination of truths and verifies; false when there is no solution.
bool solve_and_verify(const InstructionSet& set,
                      const std::vector<Record>& corpus,
                      int64_t type,
                      const std::vector<Demand>& demands,
                      uint64_t seed) {
    const std::string& id = set.types()[static_cast<size_t>(type)].id;
    const std::vector<Message>& prompt = corpus[0].prompt;
    const auto found = set.solve(corpus, type, prompt, demands, seed);
    require(found == set.solve(corpus, type, prompt, demands, seed),
            id + ": solve differs for equal arguments");
    if (!found) {
        return false;
    }
    require(!found->negated || set.types()[static_cast<size_t>(type)].can_negate,
            id + ": solved by a negation it says it cannot");
    for (const Demand& demand : demands) {
        std::vector<Check> checks{{id, found->kwargs, found->negated, -1, -1}};
        set.check(prompt, demand.response, checks);
        require(checks[0].strict == (demand.truth ? 1 : 0),
                id + ": its solution " + found->kwargs + " does not hold when checked");
    }
    for (const int64_t wordings : {0, 1, 2}) {
        const std::string wording = set.phrase(id, found->kwargs, found->negated, wordings, seed);
        require(wording == set.phrase(id, found->kwargs, found->negated, wordings, seed),
                id + ": phrase differs for equal arguments");
        require(wording.find_first_not_of(" \t\n") != std::string::npos,
                id + ": a wording is blank");
    }
    return true;
}

}  // namespace

std::shared_ptr<InstructionSet> probe_set() {
    static const samara_plugin descriptor = samara::instructions<ProbeTypes>(
        {.id = "samara.conformance_probe", .doc = "for conformance runs"});
    auto set = std::make_shared<InstructionSet>();
    set->add(Plugin{&descriptor, nullptr}, BoundParams());
    return set;
}

void check_synthesizer(Checks& checks, const Plugin& plugin, const BoundParams& params) {
    const std::vector<Record> records = sample_records();
    const auto n = static_cast<int64_t>(records.size());
    const auto run = [&](const std::vector<int64_t>& cuts) {
        SynthesizerInstance instance(plugin, params, probe_set());
        std::vector<Group> groups;
        std::map<std::string, int64_t> skipped;
        for (size_t i = 0; i + 1 < cuts.size(); ++i) {
            instance.synthesize(records, cuts[i], cuts[i + 1], 7, groups, skipped);
        }
        std::string text = text_of(groups);
        for (const auto& [reason, count] : skipped) {
            text += reason + std::to_string(count);
        }
        return std::pair(groups.size(), text);
    };
    checks.run("determinism", [&] {
        const auto first = run({0, n});
        require(first == run({0, n}), "two runs with one seed differ");
        return std::to_string(first.first) + " groups of " + std::to_string(n) + " records";
    });
    checks.run("range independence", [&] {
        require(run({0, n}) == run({0, 2, n}), "[0, 6) differs from [0, 2) and [2, 6)");
        require(run({0, n}) == run({0, 1, 2, 3, 4, 5, n}),
                "[0, 6) differs from six single records");
        return std::string();
    });
    checks.run("empty range", [&] {
        require(run({3, 3}).first == 0, "groups for no records");
        return std::string();
    });
}

void check_instructions(Checks& checks, const Plugin& plugin, const BoundParams& params) {
    InstructionSet set;
    checks.run("types", [&] {
        set.add(plugin, params);
        require(!set.types().empty(), "it has no types");
        return std::to_string(set.types().size()) + " types";
    });
    const std::vector<Record> corpus = sample_records();
    int64_t all_solved = 0;
    for (size_t t = 0; t < set.types().size(); ++t) {
        const InstructionType& type = set.types()[t];
        if (!type.can_solve) {
            continue;
        }
        checks.run("solve " + type.id, [&] {
            int64_t solved = 0, asked = 0;
            for (const Record& record : corpus) {
                for (const int truths : {0, 1, 2, 3}) {
                    std::vector<Demand> demands{{*record.chosen, (truths & 1) != 0}};
                    if (truths >= 2) {  // both responses of the pair, told apart
                        demands = {{*record.chosen, truths == 2}, {*record.rejected, truths == 3}};
                    }
                    ++asked;
                    solved += solve_and_verify(set,
                                               corpus,
                                               static_cast<int64_t>(t),
                                               demands,
                                               static_cast<uint64_t>(asked))
                                  ? 1
                                  : 0;
                }
            }
            all_solved += solved;
            return std::to_string(solved) + " of " + std::to_string(asked) +
                   " demands solved and verified";
        });
    }
    // One type may find nothing in six short records; a library that never solves anything is
    // broken.
    checks.run("solutions", [&] {
        const bool solves = std::any_of(set.types().begin(),
                                        set.types().end(),
                                        [](const InstructionType& type) { return type.can_solve; });
        require(!solves || all_solved > 0, "none of the demands was solved");
        return std::to_string(all_solved) + " in all";
    });
}

}  // namespace samara::host
