// The presets of the papers: the configuration files themselves, their groups on the example set,
// and the run's loss against the published formula, written out over prompts and responses.
#include <ATen/ATen.h>
#undef CHECK  // c10's ends the process; below it is Catch2's

#include "core/config/config.hpp"
#include "core/data/groups.hpp"
#include "core/train/objectives.hpp"
#include "harness.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <functional>

using namespace samara::test;
using namespace samara::host;
using Catch::Approx;

namespace {

using Texts = std::pair<std::string, std::string>;  // prompt, response

/// A number in (-20, 0) that a text stands for, in place of a model's log-probability.
double number(const std::string& role, const std::string& text) {
    uint64_t h = 1469598103934665603ULL;
    for (const char c : role + '\n' + text) {
        h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return -20.0 * static_cast<double>(h >> 11) / 9007199254740992.0;
}

double logsig(double z) {
    return -std::log1p(std::exp(-z));
}
double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double v : values) {
        sum += v;
    }
    return sum / static_cast<double>(values.size());
}

/// The log-ratio of a response, and of a prompt, against the reference.
double ratio(const Texts& at) {
    return number("logp", at.first + at.second) - number("ref", at.first + at.second);
}
double prompt_ratio(const std::string& prompt) {
    return number("prompt", prompt) - number("ref prompt", prompt);
}

struct Preset {
    Registry registry{SearchPath{{own("samara_mapl"),
                                  own("samara_pairs"),
                                  own("samara_instructions"),
                                  own("samara_preference"),
                                  own("samara_optimizers")},
                                 {},
                                 false}};
    Plan plan;
    std::vector<std::string> tags;
    std::vector<Record> records = example_records(60);
    std::vector<Group> groups;
    std::shared_ptr<InstructionSet> set = std::make_shared<InstructionSet>(HostHooks{});

    explicit Preset(const std::string& name, const std::vector<std::string>& overrides = {})
        : plan(
              load_plan(SAMARA_SOURCE_DIR "/configs/" + name + ".toml", overrides, registry).plan) {
        for (const PluginUse& use : plan.instructions) {
            set->add(*registry.find(use.id), use.params);
        }
        std::vector<std::vector<Group>> parts(records.size());
        for (const PluginUse& use : plan.synthesizers) {
            SynthesizerInstance synthesizer(*registry.find(use.id), use.params, set);
            tags.insert(tags.end(), synthesizer.tags().begin(), synthesizer.tags().end());
            std::vector<Group> made;
            std::map<std::string, int64_t> skipped;
            synthesizer.synthesize(
                records, 0, static_cast<int64_t>(records.size()), 7, made, skipped);
            for (Group& group : made) {
                parts[static_cast<size_t>(group.record)].push_back(std::move(group));
            }
        }
        for (size_t r = 0; r < records.size(); ++r) {
            if (!parts[r].empty()) {
                groups.push_back(merge_groups(
                    static_cast<int64_t>(r), records[r], std::move(parts[r]), nullptr));
            }
        }
    }
    static Texts texts(const Candidate& c) { return {c.prompt.back().content, *c.response}; }

    /// The run's loss over all groups as one step, the texts' numbers being the model's.
    double loss() {
        std::vector<double> logp, prompt;
        std::vector<const Group*> pointers;
        for (Group& group : groups) {
            for (Candidate& c : group.candidates) {
                const Texts at = texts(c);
                c.prompt_ids = c.response_ids = {1};
                c.ref_logp = number("ref", at.first + at.second);
                c.ref_prompt_logp = number("ref prompt", at.first);
                logp.push_back(number("logp", at.first + at.second));
                prompt.push_back(number("prompt", at.first));
            }
            pointers.push_back(&group);
        }
        Objectives objectives(plan, registry, tags, HostHooks{});
        objectives.check_groups(groups);
        Scored scored;
        scored.logp = at::tensor(logp, at::kDouble);
        scored.prompt_logp = at::tensor(prompt, at::kDouble);
        std::vector<double> score;
        for (const Group& group : groups) {
            for (const Candidate& c : group.candidates) {
                score.push_back(ratio(texts(c)));
            }
        }
        scored.score = at::tensor(score, at::kDouble);
        RunInfo info;
        info.tags = tags;
        info.evaluating = true;  // no graph
        auto planned = objectives.plan_step(pointers, at::kDouble, info);
        StepStats stats;
        return objectives.loss(pointers, scored, planned, info, stats).item<double>();
    }
};

/// Candidates of a group with instructions for `response`.
std::vector<const Candidate*> asked(const Group& group, const std::string& response) {
    std::vector<const Candidate*> out;
    for (const Candidate& c : group.candidates) {
        if (!c.instructions.empty() && c.response == response) {
            out.push_back(&c);
        }
    }
    return out;
}

bool all(const std::vector<bool>& v) {
    return std::find(v.begin(), v.end(), false) == v.end();
}

/// Rc-BT's terms over the preset's groups, with a score of one's own; checks the data on the way.
double rc_formula(const Preset& preset, const std::function<double(const Texts&)>& s) {
    std::vector<double> base, of_chosen, of_rejected;
    for (const Group& group : preset.groups) {
        const Record& record = preset.records[static_cast<size_t>(group.record)];
        const std::string x = record.prompt[0].content, yc = *record.chosen, yr = *record.rejected;
        base.push_back(-logsig(s({x, yc}) - s({x, yr})));
        for (const Candidate* c : asked(group, yc)) {  // x_1: a length that y_c violates
            const std::string x1 = c->prompt[0].content;
            CHECK(x1.starts_with(x + "\n\n"));
            CHECK(types_of(*c) == std::vector<std::string>{"length_constraints:number_words"});
            CHECK(verified_truths(*preset.set, *c) == std::vector<bool>{false});
            of_chosen.push_back(-logsig(s({x, yc}) - s({x1, yc})));
        }
        for (const Candidate* c : asked(group, yr)) {  // x_2: a length that y_r satisfies
            CHECK(verified_truths(*preset.set, *c) == std::vector<bool>{true});
            of_rejected.push_back(-logsig(s({c->prompt[0].content, yr}) - s({x, yr})));
        }
    }
    CHECK(of_chosen.size() >= 55);  // of 60
    CHECK(of_rejected.size() >= 55);
    return mean(base) + mean(of_chosen) + mean(of_rejected);
}

}  // namespace

TEST_CASE("configs/rc_bt.toml minimises Rc-BT's loss over its data and the original pairs") {
    Preset preset("rc_bt");
    CHECK(preset.plan.pipeline == "reward");
    CHECK(preset.tags == std::vector<std::string>{"base", "rc_chosen", "rc_rejected"});
    CHECK(preset.loss() == Approx(rc_formula(preset, ratio)).epsilon(1e-12));
}

TEST_CASE("configs/rc_dpo.toml minimises Rc-DPO's loss over pi(x, y), or over pi(y | x)") {
    const auto joint = [](const Texts& at) { return 0.1 * (ratio(at) + prompt_ratio(at.first)); };
    const auto conditional = [](const Texts& at) { return 0.1 * ratio(at); };
    Preset preset("rc_dpo");
    CHECK(preset.plan.pipeline == "dpo");
    CHECK(preset.loss() == Approx(rc_formula(preset, joint)).epsilon(1e-12));
    Preset other("rc_dpo", {"objective.0.params.likelihood=\"conditional\""});
    CHECK(other.loss() == Approx(rc_formula(other, conditional)).epsilon(1e-12));
    CHECK(other.loss() != Approx(preset.loss()).epsilon(1e-3));
}

TEST_CASE("configs/iopo.toml minimises IOPO's loss over {(x1,y1),(x2,y2)} against the crossed") {
    Preset preset("iopo");
    const auto h = [](const std::string& x, const std::string& y) { return 0.1 * ratio({x, y}); };
    std::vector<double> losses;
    for (const Group& group : preset.groups) {
        const Record& record = preset.records[static_cast<size_t>(group.record)];
        const std::string y1 = *record.chosen, y2 = *record.rejected;
        REQUIRE(group.candidates.size() == 4);
        std::string x1, x2;
        for (const Candidate* c : asked(group, y1)) {
            (all(verified_truths(*preset.set, *c)) ? x1 : x2) = c->prompt[0].content;
        }
        for (const Candidate* c : asked(group, y2)) {  // y2 follows x2, and only that
            CHECK(all(verified_truths(*preset.set, *c)) == (c->prompt[0].content == x2));
            CHECK(types_of(*c) == types_of(group.candidates[0]));
        }
        REQUIRE_FALSE((x1.empty() || x2.empty()));
        const double pi1 = 2 * h(x1, y1) - h(x1, y2) - h(x2, y1);
        const double pi2 = 2 * h(x2, y2) - h(x2, y1) - h(x1, y2);
        losses.push_back(-logsig((pi1 + pi2) / 2));
    }
    CHECK(losses.size() >= 55);
    CHECK(preset.loss() == Approx(mean(losses)).epsilon(1e-12));
}

TEST_CASE(
    "configs/reverse_po.toml minimises Reverse-PO's loss, its margin outside or inside beta") {
    const bool inside = GENERATE(false, true);
    CAPTURE(inside);
    Preset preset("reverse_po",
                  inside ? std::vector<std::string>{"synthesizer.0.params.margin=0.005"}
                         : std::vector<std::string>{});
    const double beta = 0.1, gamma = 0.05;
    std::vector<double> losses;
    size_t several = 0;
    for (const Group& group : preset.groups) {
        const Record& record = preset.records[static_cast<size_t>(group.record)];
        for (const bool chosen : {true, false}) {
            const std::string yi = chosen ? *record.chosen : *record.rejected;
            const std::string yj = chosen ? *record.rejected : *record.chosen;
            for (const Candidate* better : asked(group, yi)) {
                if (!all(verified_truths(*preset.set, *better))) {
                    continue;  // the other response's prompt
                }
                const std::string x = better->prompt[0].content;
                double g = 0;
                for (const Candidate* worse : asked(group, yj)) {
                    if (worse->prompt[0].content == x) {
                        const auto truths = verified_truths(*preset.set, *worse);
                        g = static_cast<double>(std::count(truths.begin(), truths.end(), false));
                    }
                }
                CHECK(g > 0);
                several += g > 1 ? 1 : 0;
                const double gap = ratio({x, yi}) - ratio({x, yj});
                losses.push_back(
                    -logsig(inside ? beta * (gap - gamma * g) : beta * gap - gamma * g));
            }
        }
    }
    CHECK(losses.size() >= 110);  // of 120: two a record
    CHECK(several > 20);
    CHECK(preset.loss() == Approx(mean(losses)).epsilon(1e-12));
}

TEST_CASE("Options of the presets that would do nothing are refused at creation") {
    Room room({own("samara_mapl"), own("samara_instructions")}, {"samara.ifeval"});
    const auto text = [](const char* s) { return std::string(s); };
    for (const Given& wrong : {Given{{"empty_side", true}, {"condition", text("a")}},
                               Given{{"empty_side", true}, {"relation", text("count")}}}) {
        CHECK_THROWS_AS(room.make("samara.mapl_intra", wrong), Error);
    }
    for (const Given& wrong : {Given{{"pattern", text("neutral")}, {"margin", 0.1}},
                               Given{{"pattern", text("neutral")}, {"condition", text("a")}},
                               Given{{"pattern", text("neutral")}, {"relation", text("count")}},
                               Given{{"pattern", text("neutral")}, {"compare", text("responses")}},
                               Given{{"pattern", text("narrow")}, {"prompts", text("two")}}}) {
        CHECK_THROWS_AS(room.make("samara.mapl_inter", wrong), Error);
    }
}
