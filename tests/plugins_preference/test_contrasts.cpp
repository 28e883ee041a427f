// Every objective of the project on a group with contrasts (relations of order 2), through the
// host's own sum over objectives: it equals its formula, or it is refused before work by tag.
#include "core/train/objectives.hpp"
#include "formulas.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

#include <set>

using namespace samara::test;

namespace {

/// What an objective does with a contrast.  Not in this table: forgotten, and the test says so.
enum class Answer { formula, refuses, reads_none };
const std::map<std::string, Answer> kAnswers = {
    {"samara.aot", Answer::refuses},      {"samara.aot_unpaired", Answer::refuses},
    {"samara.apo_down", Answer::refuses}, {"samara.apo_zero", Answer::refuses},
    {"samara.bco", Answer::refuses},      {"samara.bradley_terry", Answer::formula},
    {"samara.center", Answer::refuses},   {"samara.cpo", Answer::formula},
    {"samara.discopop", Answer::formula}, {"samara.dpo", Answer::refuses},
    {"samara.exo", Answer::formula},      {"samara.hinge", Answer::formula},
    {"samara.ipo", Answer::formula},      {"samara.kto", Answer::reads_none},
    {"samara.mapl", Answer::formula},     {"samara.nca", Answer::refuses},
    {"samara.orpo", Answer::formula},     {"samara.robust", Answer::formula},
    {"samara.sft", Answer::reads_none},   {"samara.sigmoid_norm", Answer::formula},
    {"samara.simpo", Answer::formula},    {"samara.sppo_hard", Answer::refuses}};

Registry& all_libraries() {
    const std::string folder = SAMARA_PLUGIN_DIR;
    static auto* all = new Registry(SearchPath{{folder + "/samara_preference.so",
                                                folder + "/samara_preference_more.so",
                                                folder + "/samara_mapl.so"},
                                               {},
                                               false});
    return *all;
}

/// The step as the host has it: one group of encoded candidates and named tags.
Group as_group(const Step& step) {
    Group group;
    for (const Cand& from : step.candidates) {
        Candidate c;
        c.prompt_ids = Ids(static_cast<size_t>(from.prompt_length), 3);
        c.response_ids = Ids(static_cast<size_t>(from.length), 5);
        c.label = from.label;
        c.weight = from.weight;
        c.ref_logp = from.ref_logp;
        c.ref_prompt_logp = from.ref_prompt_logp;
        group.candidates.push_back(c);
    }
    for (const Rel& from : step.relations) {
        group.relations.push_back({from.order,
                                   from.i,
                                   from.j,
                                   from.k,
                                   from.l,
                                   from.weight,
                                   from.margin,
                                   from.flip,
                                   step.tags[static_cast<size_t>(from.tag)]});
    }
    return group;
}

struct Host {
    Plan plan;
    std::unique_ptr<Objectives> objectives;

    Host(const std::string& id, const Given& given, const Step& step) {
        const Plugin* plugin = all_libraries().find(id);
        REQUIRE(plugin != nullptr);
        ObjectiveUse use;
        use.id = id;
        use.where = "test.toml:1:1";
        REQUIRE(bind_params(*plugin->descriptor, given, use.params).empty());
        plan.pipeline = "dpo";
        plan.objectives = {use};
        objectives = std::make_unique<Objectives>(plan, all_libraries(), step.tags, HostHooks{});
    }
    double loss(const Step& step) {
        const Group group = as_group(step);
        const Group* pointer = &group;
        objectives->check_groups({group});
        Scored scored;
        scored.logp = step.column_of(step.candidates, &Cand::logp).requires_grad_();
        scored.score = step.column("score", scored.logp);
        scored.prompt_logp = step.column("prompt_logp", scored.logp);
        StepStats stats;
        auto planned = objectives->plan_step({&pointer, 1}, at::kDouble, step.info());
        return objectives->loss({&pointer, 1}, scored, planned, step.info(), stats).item<double>();
    }
};

/// sum over tags of the tag's weighted mean, every tag with weight 1: [train] mix = "by_tag".
double by_tag(const Step& step, const std::function<double(const Step&, const Rel&)>& loss) {
    std::map<int64_t, std::pair<double, double>> sums;
    for (const Rel& r : step.relations) {
        sums[r.tag].first += r.weight * loss(step, r);
        sums[r.tag].second += r.weight;
    }
    double out = 0;
    for (const auto& [tag, sum] : sums) {
        out += sum.first / sum.second;
    }
    return out;
}

Given parameters_of(const std::string& id) {
    return id == "samara.kto" ? Given{{"kl", str("none")}} : Given{};
}

}  // namespace

TEST_CASE("What an objective does with contrasts is settled for every objective", "[preference]") {
    std::set<std::string> found;
    for (const Plugin* plugin : all_libraries().list()) {
        if (plugin->kind() == "objective/1") {
            found.insert(plugin->id());
            CAPTURE(plugin->id());
            CHECK(kAnswers.contains(plugin->id()));
        }
    }
    CHECK(found.size() == kAnswers.size());
}

TEST_CASE("Objectives that understand contrasts equal their formula through the host",
          "[preference]") {
    const Step step = with_contrasts();
    std::vector<Form> forms = formulas();
    const auto plain = on_gap(
        0.7, [](const Cand& c) { return c.score(); }, [](double z) { return -logsig(z); });
    forms.push_back({"mapl", {{"beta", 0.7}}, true, plain});
    std::set<std::string> seen;
    for (const Form& form : forms) {
        const std::string id = "samara." + form.id;
        CAPTURE(id);
        CHECK((kAnswers.at(id) == Answer::formula) == form.contrasts);
        if (!form.contrasts) {
            continue;
        }
        seen.insert(id);
        Given given = form.given;
        double factor = 1;
        if (form.id == "cpo") {
            given["alpha"] = 0.0;  // the likelihood beside it chooses no response of a contrast
        } else if (form.id == "orpo") {
            factor = std::get<double>(given.at("beta"));  // a factor of the loss
        }
        CHECK(Host(id, given, step).loss(step) ==
              Approx(factor * by_tag(step, form.loss)).epsilon(1e-12));
    }
    for (const auto& [id, answer] : kAnswers) {
        CAPTURE(id);
        CHECK(seen.contains(id) == (answer == Answer::formula));
    }
}

TEST_CASE("Objectives without a meaning for contrasts are refused before work, by tag",
          "[preference]") {
    Step step = with_contrasts();
    for (Rel& r : step.relations) {
        r.margin = 0;  // margins have a refusal of their own
        r.flip = 0;
    }
    for (const auto& [id, answer] : kAnswers) {
        if (answer != Answer::refuses) {
            continue;
        }
        CAPTURE(id);
        Host host(id, parameters_of(id), step);
        try {
            host.objectives->check_groups({as_group(step)});
            FAIL("not refused");
        } catch (const Error& error) {
            CHECK_THAT(error.what(),
                       Catch::Matchers::ContainsSubstring(
                           id + " does not understand the contrasts (relations of order 2) of tag "
                                "'inter'"));
        }
        // Where the objective does not see the tag, there is nothing to refuse.
        Step pairs = step;
        std::erase_if(pairs.relations, [](const Rel& r) { return r.order == 2; });
        CHECK_NOTHROW(host.objectives->check_groups({as_group(pairs)}));
    }
}

TEST_CASE("Objectives on responses count the same with contrasts and without", "[preference]") {
    const Step step = with_contrasts();
    Step pairs = step;
    std::erase_if(pairs.relations, [](const Rel& r) { return r.order == 2; });
    for (const auto& [id, answer] : kAnswers) {
        if (answer == Answer::reads_none) {
            CAPTURE(id);
            const double with = Host(id, parameters_of(id), step).loss(step);
            CHECK(with == Host(id, parameters_of(id), step).loss(pairs));
            CHECK(with > 0);
        }
    }
}

TEST_CASE("The joint likelihood of samara.mapl changes pairs of two prompts and nothing else",
          "[preference]") {
    // 0 and 1 under x, 2 and 3 under x': intra (2 over 0), base, and the contrast of the two pairs.
    Step step;
    for (size_t c = 0; c < 4; ++c) {
        Cand cand;
        cand.logp = -5.0 - 1.5 * static_cast<double>(c);
        cand.ref_logp = -6.0;
        cand.prompt_logp = c < 2 ? -8.0 : -11.0;
        cand.ref_prompt_logp = c < 2 ? -8.5 : -10.0;
        step.candidates.push_back(cand);
    }
    const std::vector<Rel> base = {{1, 0, 1, -1, -1, 1, 0, 0, 0}},
                           intra = {{1, 2, 0, -1, -1, 1, 0, 0, 1}},
                           inter = {{2, 2, 3, 0, 1, 1, 0, 0, 2}};
    for (const char* form : {"margin_gap", "hinge", "squared", "logprob_strength"}) {
        CAPTURE(form);
        const Given conditional = {{"beta", 0.7}, {"form", str(form)}};
        Given joint = conditional;
        joint["likelihood"] = str("joint");
        for (const auto& relations : {base, inter}) {
            step.relations = relations;
            CHECK(Host("samara.mapl", joint, step).loss(step) ==
                  Approx(Host("samara.mapl", conditional, step).loss(step)).epsilon(1e-13));
        }
        step.relations = intra;
        // scores -2 and 1, prompts' log-ratios -1 and 0.5
        CHECK(Host("samara.mapl", joint, step).loss(step) ==
              Approx(-logsig(0.7 * (-3.0 - 1.5))).epsilon(1e-13));
        CHECK(Host("samara.mapl", conditional, step).loss(step) ==
              Approx(-logsig(0.7 * -3.0)).epsilon(1e-13));
    }
}
