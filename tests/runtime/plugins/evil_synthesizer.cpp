// test.evil_synthesizer: emits pairs, broken in the way that parameter `what` names.
#include <samara/samara.hpp>

#include <cmath>
#include <stdexcept>

namespace {

struct Evil {
    static constexpr samara_param params[] = {
        samara::param::string("what", "\"nothing\"", "the way")};
    static constexpr const char* tags[] = {"base"};
    std::string what;
    int64_t calls = 0;
    int64_t known = -1;
    explicit Evil(const samara::Params& p) : what(p.string("what")) {
        if (what == "reads types early") {
            known = static_cast<int64_t>(samara::Instructions().types().size());
        }
    }

    void synthesize(const samara::Dataset& data,
                    int64_t first,
                    int64_t last,
                    uint64_t seed,
                    samara::Sink& sink) {
        ++calls;
        if (what == "throws") {
            throw std::runtime_error("synthesis bug");
        }
        if (what == "bad record") {
            data[data.size()];
        }
        if (what == "asks for a bad instruction") {
            samara::Instructions().check("no:such", {"{}", false}, {}, "x");
        }
        for (int64_t r = first; r < last; ++r) {
            const samara::Record record = data[r];
            if (what == "skips" && r % 2 == 1) {
                sink.skip(r, "odd");
                continue;
            }
            if (what == "skips without reason") {
                sink.skip(r, "");
            }
            samara::Group group(what == "foreign record" ? r + 1
                                : what == "backwards"    ? last - 1 - (r - first)
                                                         : r);
            const int64_t i = group.add(record.prompt(), *record.chosen());
            const int64_t j = group.add(record.prompt(), *record.rejected());
            samara::Relation& relation = group.prefer(i, j, "base");
            relation.weight = record.weight();
            spoil(group, relation, seed, first);
            sink.emit(group);
        }
    }
    void spoil(samara::Group& group, samara::Relation& relation, uint64_t seed, int64_t first) {
        if (what == "index") {
            relation.j = 2;
        } else if (what == "negative index") {
            relation.i = -1;
        } else if (what == "itself") {
            relation.j = relation.i;
        } else if (what == "k in order 1") {
            relation.k = 0;
        } else if (what == "order") {
            relation.order = 3;
        } else if (what == "nan weight") {
            relation.weight = std::nan("");
        } else if (what == "negative weight") {
            relation.weight = -1;
        } else if (what == "infinite margin") {
            relation.margin = samara::kInfinity;
        } else if (what == "flip") {
            relation.flip = 1.5;
        } else if (what == "tag") {
            relation.tag = "other";
        } else if (what == "utf8") {
            group.candidates[0].response = "\xff\xfe";
        } else if (what == "label") {
            group.candidates[0].label = 5;
        } else if (what == "empty candidate") {
            group.candidates[0] = samara::Candidate{};
        } else if (what == "text and ids") {
            group.candidates[0].prompt_ids = {1};
        } else if (what == "no candidates") {
            group.candidates.clear();
            group.relations.clear();
        } else if (what == "depends on range") {
            group.notes.emplace_back("first", std::to_string(first));
        } else if (what == "depends on history") {
            group.notes.emplace_back("calls", std::to_string(calls));
        } else if (what == "reads types early") {
            group.notes.emplace_back("types", std::to_string(known));
        } else if (what == "seeded") {
            group.notes.emplace_back(
                "drawn", std::to_string(samara::Random(seed, "t", group.record).below(1000)));
        }
    }
};

constexpr samara_plugin kEvil =
    samara::synthesizer<Evil>({.id = "test.evil_synthesizer", .doc = "evil"});

}  // namespace

SAMARA_PLUGINS(&kEvil)
