// Every loss per relation in closed form, written with <cmath> from the trainers' own formulas (and
// not as the plugins compute it): the table that the tests of values and gradients walk through.
#pragma once
#include "support.hpp"

namespace samara::test {

struct Form {
    std::string id;
    Given given;
    bool contrasts;  ///< it is a function of a gap, and says that it understands contrasts
    std::function<double(const Step&, const Rel&)> loss;
};

inline std::string str(const char* s) {
    return s;
}

/// (1-p) f(z) + p f(-z), z = beta * gap - margin
inline std::function<double(const Step&, const Rel&)>
on_gap(double beta, std::function<double(const Cand&)> value, std::function<double(double)> f) {
    return [=](const Step& s, const Rel& r) {
        const double z = beta * gap(s, r, value) - r.margin;
        return (1 - r.flip) * f(z) + r.flip * f(-z);
    };
}

/// (1-p) f(c, r) + p f(r, c), c and r the two scores times beta
inline std::function<double(const Step&, const Rel&)> on_pair(
    double beta,
    std::function<double(double, double)> f) {
    return [=](const Step& s, const Rel& r) {
        const double c = beta * s.candidates[static_cast<size_t>(r.i)].score();
        const double d = beta * s.candidates[static_cast<size_t>(r.j)].score();
        return (1 - r.flip) * f(c, d) + r.flip * f(d, c);
    };
}

inline std::vector<Form> formulas() {
    const auto score = [](const Cand& c) { return c.score(); };
    const auto score_per_token = [](const Cand& c) {
        return c.score() / static_cast<double>(c.length);
    };
    const auto logp = [](const Cand& c) { return c.logp; };
    const auto logp_per_token = [](const Cand& c) { return c.per_token(); };
    const auto log_odds = [](const Cand& c) {
        const double p = std::exp(c.per_token());
        return std::log(p / (1 - p));
    };
    const auto logistic = [](double e) {
        return [e](double z) { return -(1 - e) * logsig(z) - e * logsig(-z); };
    };
    const auto hinge = [](double z) { return z < 1 ? 1 - z : 0.0; };
    const auto ipo = [](double beta, std::function<double(const Cand&)> value) {
        return on_gap(beta, std::move(value), [beta](double z) {
            return std::pow(z / beta - 1 / (2 * beta), 2);
        });
    };
    const auto robust = [](double e) {
        return [e](double z) { return ((1 - e) * -logsig(z) + e * logsig(-z)) / (1 - 2 * e); };
    };
    const auto discopop = [](double tau) {
        return [tau](double z) {
            const double m = sig(z / tau);
            return -logsig(z) * (1 - m) + std::exp(-z) * m;
        };
    };
    const auto exo = [](double beta, double e) {
        return [beta, e](const Step& s, const Rel& r) {
            const double z = beta * gap(s, r, [](const Cand& c) { return c.score(); }) - r.margin;
            const double wrong = r.flip * (1 - e) + (1 - r.flip) * e, p = sig(z);
            return p * std::log(p / (1 - wrong)) + (1 - p) * std::log((1 - p) / wrong);
        };
    };
    return {
        {"bradley_terry", {{"beta", 0.7}}, true, on_gap(0.7, score, logistic(0))},
        {"bradley_terry",
         {{"beta", 0.7}, {"label_smoothing", 0.2}},
         true,
         on_gap(0.7, score, logistic(0.2))},
        {"bradley_terry",
         {{"beta", 0.7}, {"likelihood", str("joint")}},
         true,
         on_gap(
             0.7,
             [](const Cand& c) { return c.score() + c.prompt_logp - c.ref_prompt_logp; },
             logistic(0))},
        {"ipo", {{"beta", 0.3}}, true, ipo(0.3, score)},
        {"ipo", {{"beta", 0.3}, {"normalise", str("length")}}, true, ipo(0.3, score_per_token)},
        {"hinge", {{"beta", 0.6}}, true, on_gap(0.6, score, hinge)},
        {"robust",
         {{"beta", 0.7}, {"label_smoothing", 0.2}},
         true,
         on_gap(0.7, score, robust(0.2))},
        {"sigmoid_norm", {{"beta", 3.0}}, true, on_gap(3.0, score_per_token, logistic(0))},
        {"simpo", {{"beta", 2.5}, {"gamma", 0.0}}, true, on_gap(2.5, logp_per_token, logistic(0))},
        {"simpo",
         {{"beta", 2.5}, {"gamma", 0.8}, {"label_smoothing", 0.1}},
         true,
         [=](const Step& s, const Rel& r) {
             const double z = 2.5 * gap(s, r, logp_per_token) - 0.8 - r.margin;
             return (1 - r.flip) * logistic(0.1)(z) + r.flip * logistic(0.1)(-z);
         }},
        {"cpo", {{"beta", 0.2}, {"alpha", 0.0}}, true, on_gap(0.2, logp, logistic(0))},
        {"cpo", {{"beta", 0.2}, {"label_smoothing", 0.1}}, true, on_gap(0.2, logp, logistic(0.1))},
        {"orpo", {{"beta", 0.25}, {"alpha", 0.0}}, true, on_gap(1.0, log_odds, logistic(0))},
        {"exo", {{"beta", 0.5}, {"label_smoothing", 0.02}}, true, exo(0.5, 0.02)},
        {"discopop", {{"beta", 0.4}, {"tau", 0.3}}, true, on_gap(0.4, score, discopop(0.3))},
        {"nca",
         {{"beta", 0.5}},
         false,
         on_pair(
             0.5,
             [](double c, double r) { return -logsig(c) - 0.5 * logsig(-c) - 0.5 * logsig(-r); })},
        {"bco",
         {{"beta", 0.5}, {"delta", str("none")}},
         false,
         on_pair(0.5, [](double c, double r) { return -logsig(c) - logsig(-r); })},
        {"sppo_hard",
         {{"beta", 0.4}},
         false,
         on_pair(1.0,
                 [](double c, double r) {
                     return std::pow(c - 0.5 / 0.4, 2) + std::pow(r + 0.5 / 0.4, 2);
                 })},
        {"apo_zero",
         {{"beta", 0.5}},
         false,
         on_pair(0.5, [](double c, double r) { return 1 - sig(c) + sig(r); })},
        {"apo_down", {{"beta", 0.5}}, false, on_pair(0.5, [](double c, double r) {
             return sig(c) + 1 - sig(c - r);
         })}};
}

}  // namespace samara::test
