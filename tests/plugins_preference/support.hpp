// Shared by the tests of the preference objectives: a step of candidates and relations as plain
// numbers, the columns that the host would make of it, and its reduction to one number.
#pragma once
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#undef CHECK  // c10's ends the process; below it is Catch2's

#include "runtime/error.hpp"
#include "runtime/instances.hpp"
#include "runtime/objective.hpp"
#include "runtime/registry.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace samara::test {

using namespace samara::host;
using Catch::Approx;
using Given = std::map<std::string, ParamValue>;

inline const std::vector<std::string> kLibraries = {"samara_preference", "samara_preference_more"};

/// Both libraries, loaded for the life of the process.
inline Registry& registry() {
    static auto* all =
        new Registry(SearchPath{{std::string(SAMARA_PLUGIN_DIR) + "/samara_preference.so",
                                 std::string(SAMARA_PLUGIN_DIR) + "/samara_preference_more.so"},
                                {},
                                false});
    return *all;
}

inline const Plugin& plugin(const std::string& id) {
    const Plugin* found = registry().find("samara." + id);
    INFO("samara." << id);
    REQUIRE(found != nullptr);
    return *found;
}

inline ObjectiveInstance make(const std::string& id, const Given& given = {}) {
    const Plugin& p = plugin(id);
    BoundParams bound;
    const auto issues = bind_params(*p.descriptor, given, bound);
    INFO(id << ": " << (issues.empty() ? "" : issues.front().key + " " + issues.front().what));
    REQUIRE(issues.empty());
    return ObjectiveInstance(p, bound);
}

struct Tok {
    double logp = 0, ref_logp = 0, log_p2 = 0;
};

struct Cand {
    double logp = 0, ref_logp = 0;
    int64_t length = 1, label = 0;
    double weight = 1, auxiliary = 0;
    double prompt_logp = 0;
    int64_t prompt_length = 1;
    double ref_prompt_logp = 0;
    std::vector<Tok> tokens = {};  ///< or none: only what tests of token columns need
    double score() const { return logp - ref_logp; }
    double per_token() const { return logp / static_cast<double>(length); }
};

struct Rel {
    int64_t order = 1, i = 0, j = 0, k = -1, l = -1;
    double weight = 1, margin = 0, flip = 0;
    int64_t tag = 0;
};

/// Values and gradients of one call.
struct Result {
    std::vector<std::vector<double>> losses;
    std::vector<double>
        grad;  ///< of the sum of all losses, by the candidates' logp (without tokens)
    std::vector<double> token_grad;  ///< by the tokens' logp, where there are some
    std::map<std::string, double> metrics;
};

inline std::vector<double> list(const at::Tensor& t) {
    const at::Tensor d = t.detach().to(at::kDouble).contiguous();
    return {d.data_ptr<double>(), d.data_ptr<double>() + d.numel()};
}

/// One optimizer step.
struct Step {
    std::vector<Cand> candidates;
    std::vector<Rel> relations;
    std::vector<std::string> tags = {"base", "intra", "inter"};
    at::ScalarType dtype = at::kDouble;
    int64_t number = 0;
    bool evaluating = false;

    template <class Row, class Field>
    at::Tensor column_of(const std::vector<Row>& rows, Field Row::*field) const {
        std::vector<double> out;
        for (const Row& row : rows) {
            out.push_back(static_cast<double>(row.*field));
        }
        return at::tensor(out, at::kDouble).to(std::is_same_v<Field, int64_t> ? at::kLong : dtype);
    }
    at::Tensor gap(const at::Tensor& values) const {
        std::vector<at::Tensor> out;
        for (const Rel& r : relations) {
            const at::Tensor first = values[r.i] - values[r.j];
            out.push_back(r.order == 2 ? first - (values[r.k] - values[r.l]) : first);
        }
        return out.empty() ? at::empty({0}, values.options()) : at::stack(out);
    }
    at::Tensor tokens_of(double Tok::*field) const {
        std::vector<double> out;
        for (const Cand& c : candidates) {
            for (const Tok& t : c.tokens) {
                out.push_back(t.*field);
            }
        }
        return at::tensor(out, at::kDouble).to(dtype);
    }
    /// tok.candidate, or tok.position.
    at::Tensor token_index(bool position) const {
        std::vector<int64_t> out;
        for (size_t c = 0; c < candidates.size(); ++c) {
            for (size_t t = 0; t < candidates[c].tokens.size(); ++t) {
                out.push_back(static_cast<int64_t>(position ? t : c));
            }
        }
        return at::tensor(out, at::kLong);
    }
    /// `logp` undefined: only what needs no model, as in weigh.
    at::Tensor column(const std::string& name,
                      const at::Tensor& logp,
                      const at::Tensor& tok_logp = {}) const {
        if (name.starts_with("gap.")) {
            const at::Tensor values = column(name.substr(4), logp, tok_logp);
            return values.defined() ? gap(values) : values;
        }
        const at::Tensor none;
        const std::map<std::string, std::function<at::Tensor()>> known = {
            {"logp", [&] { return logp; }},
            {"ref_logp",
             [&] { return logp.defined() ? column_of(candidates, &Cand::ref_logp) : none; }},
            {"score",
             [&] { return logp.defined() ? logp - column_of(candidates, &Cand::ref_logp) : none; }},
            {"prompt_logp",
             [&] { return logp.defined() ? column_of(candidates, &Cand::prompt_logp) : none; }},
            {"ref_prompt_logp",
             [&] { return logp.defined() ? column_of(candidates, &Cand::ref_prompt_logp) : none; }},
            {"prompt_length", [&] { return column_of(candidates, &Cand::prompt_length); }},
            {"length", [&] { return column_of(candidates, &Cand::length); }},
            {"label", [&] { return column_of(candidates, &Cand::label); }},
            {"weight", [&] { return column_of(candidates, &Cand::weight); }},
            {"auxiliary", [&] { return column_of(candidates, &Cand::auxiliary); }},
            {"tok.candidate", [&] { return token_index(false); }},
            {"tok.position", [&] { return token_index(true); }},
            {"tok.logp", [&] { return tok_logp; }},
            {"tok.ref_logp", [&] { return tokens_of(&Tok::ref_logp); }},
            {"tok.log_p2", [&] { return tokens_of(&Tok::log_p2); }},
            {"rel.i", [&] { return column_of(relations, &Rel::i); }},
            {"rel.j", [&] { return column_of(relations, &Rel::j); }},
            {"rel.k", [&] { return column_of(relations, &Rel::k); }},
            {"rel.l", [&] { return column_of(relations, &Rel::l); }},
            {"rel.order", [&] { return column_of(relations, &Rel::order); }},
            {"rel.tag", [&] { return column_of(relations, &Rel::tag); }},
            {"rel.margin", [&] { return column_of(relations, &Rel::margin); }},
            {"rel.flip", [&] { return column_of(relations, &Rel::flip); }}};
        INFO("column " << name);
        REQUIRE(known.contains(name));
        return known.at(name)();
    }
    std::vector<at::Tensor> columns(const ObjectiveInstance& objective,
                                    const at::Tensor& logp,
                                    const at::Tensor& tok_logp = {}) const {
        std::vector<at::Tensor> out;
        for (const std::string& name : objective.columns()) {
            out.push_back(column(name, logp, tok_logp));
        }
        return out;
    }
    Extent extent() const {
        return {static_cast<int64_t>(relations.size()),
                static_cast<int64_t>(candidates.size()),
                token_index(false).numel()};
    }
    RunInfo info() const {
        RunInfo out;
        out.tags = tags;
        out.step = number;
        out.evaluating = evaluating;
        return out;
    }

    Result run(ObjectiveInstance& objective) const {
        // With tokens the candidates' log-probabilities are their sums, so gradients reach them.
        const at::Tensor tok_logp = tokens_of(&Tok::logp).requires_grad_();
        at::Tensor logp = column_of(candidates, &Cand::logp).requires_grad_();
        if (tok_logp.numel() > 0) {
            logp = at::zeros_like(logp).index_add(0, token_index(false), tok_logp);
        }
        std::vector<Metric> metrics;
        const auto losses =
            objective.forward(columns(objective, logp, tok_logp), extent(), info(), &metrics);
        Result out;
        at::Tensor total = at::zeros({}, at::kDouble);
        for (const at::Tensor& loss : losses) {
            out.losses.push_back(list(loss));
            total = total + loss.to(at::kDouble).sum();
        }
        if (tok_logp.numel() > 0) {
            out.token_grad = list(torch::autograd::grad({total}, {tok_logp})[0]);
        } else {
            out.grad = list(torch::autograd::grad({total}, {logp})[0]);
        }
        for (const Metric& metric : metrics) {
            out.metrics[metric.name] = metric.values.mean().item<double>();
        }
        return out;
    }

    /// The items' weights of each loss, after weigh.
    std::vector<std::vector<double>> weights(ObjectiveInstance& objective) const {
        std::vector<at::Tensor> out;
        for (const LossInfo& loss : objective.losses()) {
            std::vector<double> defaults;
            if (loss.level == SAMARA_PER_RELATION) {
                defaults = list(column_of(relations, &Rel::weight));
            } else {
                for (const Cand& c : candidates) {
                    defaults.push_back(c.weight * (1 - c.auxiliary));
                }
            }
            out.push_back(at::tensor(defaults, at::kDouble));
        }
        if (objective.has_weigh()) {
            objective.weigh(columns(objective, at::Tensor()), extent(), info(), out);
        }
        std::vector<std::vector<double>> lists;
        for (const at::Tensor& w : out) {
            lists.push_back(list(w));
        }
        return lists;
    }

    /// sum over the losses of coefficient * sum(weight * loss) / sum(weight): the run's loss, with
    /// one normaliser over all tags.
    double reduced(ObjectiveInstance& objective) const {
        const Result result = run(objective);
        const auto weight = weights(objective);
        double out = 0;
        for (size_t m = 0; m < weight.size(); ++m) {
            CHECK(objective.losses()[m].normaliser == SAMARA_BY_WEIGHT);
            double sum = 0, norm = 0;
            for (size_t item = 0; item < weight[m].size(); ++item) {
                sum += weight[m][item] * result.losses[m][item];
                norm += weight[m][item];
            }
            out += norm > 0 ? objective.losses()[m].coefficient * sum / norm : 0;
        }
        return out;
    }
};

/// Two groups with preferences of two tags, margins and flips.
inline Step preferences() {
    Step s;
    s.candidates = {{-12.5, -13.0, 5, 1, 1.0, 0, -9.0, 4},
                    {-14.0, -13.5, 6, -1, 1.0, 0, -9.0, 4},
                    {-7.25, -8.5, 3, 0, 2.0, 0, -6.5, 3},
                    {-21.0, -19.25, 9, 1, 0.5, 0, -11.0, 6},
                    {-3.75, -5.25, 2, -1, 1.0, 0, -11.0, 6},
                    {-16.5, -15.0, 7, 0, 1.5, 0, -2.5, 2}};
    for (size_t c = 0; c < s.candidates.size(); ++c) {
        s.candidates[c].ref_prompt_logp = -6.0 - 0.5 * static_cast<double>(c);
    }
    s.relations = {{1, 0, 1, -1, -1, 1.0, 0.0, 0.0, 0},
                   {1, 3, 4, -1, -1, 0.5, 0.0, 0.0, 0},
                   {1, 2, 0, -1, -1, 2.0, 0.3, 0.0, 1},
                   {1, 5, 3, -1, -1, 1.0, 0.0, 0.2, 1},
                   {1, 4, 5, -1, -1, 1.0, -0.2, 0.5, 1}};
    return s;
}

/// The same with contrasts among them.
inline Step with_contrasts() {
    Step s = preferences();
    s.relations.push_back({2, 2, 1, 0, 3, 1.0, 0.0, 0.0, 2});
    s.relations.push_back({2, 5, 4, 2, 0, 1.0, 0.4, 0.1, 2});
    s.relations.push_back({2, 0, 5, 3, 4, 1.0, -0.1, 0.5, 2});
    return s;
}

inline double logsig(double z) {
    return -std::log1p(std::exp(-std::abs(z))) + std::min(z, 0.0);
}
inline double sig(double z) {
    return 1.0 / (1.0 + std::exp(-z));
}

/// (v_i - v_j) - (v_k - v_l) of any number per candidate.
template <class Value>
double gap(const Step& s, const Rel& r, Value&& value) {
    const auto at = [&](int64_t c) { return value(s.candidates[static_cast<size_t>(c)]); };
    const double first = at(r.i) - at(r.j);
    return r.order == 2 ? first - (at(r.k) - at(r.l)) : first;
}

}  // namespace samara::test
