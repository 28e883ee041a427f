// The label-leak probe of synthesis.hpp: a small logistic regression on the text of instructions.
// The tests hold it to scikit-learn's on the same draws.
#include "core/report/synthesis.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>

namespace samara::host {
namespace {

constexpr size_t kFolds = 5;
constexpr size_t kWords = size_t{1} << 13;  // hashed n-grams
constexpr size_t kDense = 4;                // direction, number, their products
constexpr int kEpochs = 24;
constexpr double kPenalty = 1e-3, kRate = 0.5;
constexpr int64_t kLeast = 20;        // of either truth
constexpr size_t kMostDraws = 20000;  // of a type; the interval is then within 0.01

struct Draw {
    size_t record = 0;
    bool truth = false;
    double direction = 1, number = 0;
    std::vector<std::pair<uint32_t, double>> features;  // unit length, then the dense ones
};

uint64_t hash_of(const std::string& text) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * UINT64_C(1099511628211);
    }
    return hash ^ (hash >> 29);
}

// The last integer among the arguments; 0 without one.
double number_of(const std::string& kwargs) {
    double out = 0;
    bool quoted = false;
    for (size_t i = 0; i < kwargs.size(); ++i) {
        quoted = kwargs[i] == '"' && (i == 0 || kwargs[i - 1] != '\\') ? !quoted : quoted;
        if (!quoted && kwargs[i] >= '0' && kwargs[i] <= '9') {
            char* end = nullptr;
            out = std::strtod(kwargs.c_str() + i, &end);
            i = static_cast<size_t>(end - kwargs.c_str()) - 1;
        }
    }
    return out;
}

void add_words(Draw& draw, const std::string& text) {
    std::vector<std::string> words;
    for (size_t i = 0; i < text.size();) {
        const size_t end = std::min(text.find_first_of(" \n\t", i), text.size());
        if (end > i) {
            words.push_back(text.substr(i, end - i));
        }
        i = end + 1;
    }
    std::map<uint32_t, double> counts;
    for (size_t i = 0; i < words.size(); ++i) {
        std::string gram;
        for (size_t n = 0; n < 3 && i + n < words.size(); ++n) {
            gram += (n == 0 ? "" : " ") + words[i + n];
            counts[static_cast<uint32_t>(hash_of(gram) % kWords)] += 1;
        }
    }
    double norm = 0;
    for (const auto& [place, n] : counts) {
        norm += n * n;
    }
    for (const auto& [place, n] : counts) {
        draw.features.emplace_back(place, n / std::sqrt(norm));
    }
}

void add_numbers(std::vector<Draw>& draws) {
    double mean = 0, square = 0;
    for (const Draw& draw : draws) {
        mean += draw.number / static_cast<double>(draws.size());
        square += draw.number * draw.number / static_cast<double>(draws.size());
    }
    const double deviation = std::sqrt(std::max(square - mean * mean, 0.0)) + 1e-9;
    for (Draw& draw : draws) {
        const double z = std::clamp((draw.number - mean) / deviation, -4.0, 4.0);
        const double dense[kDense] = {
            draw.direction, z, draw.direction * z, draw.direction * z * z / 2};
        for (size_t n = 0; n < kDense; ++n) {
            draw.features.emplace_back(kWords + n, dense[n]);
        }
    }
}

double score(const std::vector<double>& weights, const Draw& draw) {
    return std::accumulate(
        draw.features.begin(), draw.features.end(), weights.back(), [&](double sum, const auto& f) {
            return sum + weights[f.first] * f.second;
        });
}

/// AdaGrad on all draws but those of `fold`; the last weight is the intercept.
std::vector<double> fit(const std::vector<Draw>& draws, size_t fold) {
    std::vector<double> weights(kWords + kDense + 1, 0.0), squares(weights.size(), 1e-6);
    const auto move = [&](size_t at, double gradient) {
        squares[at] += gradient * gradient;
        weights[at] -= kRate * gradient / std::sqrt(squares[at]);
    };
    std::vector<size_t> order;
    for (size_t d = 0; d < draws.size(); ++d) {
        if (draws[d].record % kFolds != fold) {
            order.push_back(d);
        }
    }
    // A fixed shuffle: equal groups give equal reports.
    std::sort(order.begin(), order.end(), [](size_t a, size_t b) {
        return hash_of(std::to_string(a)) < hash_of(std::to_string(b));
    });
    for (int epoch = 0; epoch < kEpochs; ++epoch) {
        for (const size_t d : order) {
            const Draw& draw = draws[d];
            const double error =
                1 / (1 + std::exp(-score(weights, draw))) - (draw.truth ? 1.0 : 0.0);
            for (const auto& [at, value] : draw.features) {
                move(at, error * value + kPenalty * weights[at]);
            }
            move(weights.size() - 1, error);
        }
    }
    return weights;
}

/// Area under the ROC curve of scores, ties one half.
double area(std::vector<std::pair<double, bool>> scored, double& error) {
    std::sort(scored.begin(), scored.end());
    double ranks = 0, positive = 0;
    for (size_t i = 0; i < scored.size();) {
        size_t end = i;
        while (end < scored.size() && scored[end].first == scored[i].first) {
            ++end;
        }
        const double rank = (static_cast<double>(i + 1) + static_cast<double>(end)) / 2;
        for (size_t n = i; n < end; ++n) {
            ranks += scored[n].second ? rank : 0;
            positive += scored[n].second ? 1 : 0;
        }
        i = end;
    }
    const double negative = static_cast<double>(scored.size()) - positive;
    error = std::sqrt((positive + negative + 1) / (12 * positive * negative));
    return (ranks - positive * (positive + 1) / 2) / (positive * negative);
}

}  // namespace

struct LeakProbe::State {
    size_t groups = 0;
    std::map<std::string, std::vector<Draw>> draws;  // by type
};

LeakProbe::LeakProbe() : state_(std::make_unique<State>()) {}
LeakProbe::~LeakProbe() = default;

void LeakProbe::add(const Group& group) {
    const size_t g = state_->groups++;
    const auto asked = asked_of(group);
    for (const Relation& relation : group.relations) {
        if (read_relation(group, relation, asked).pattern != "prompts") {
            continue;
        }
        for (const int64_t c : {relation.i, relation.j}) {
            for (const Asked& one : asked[static_cast<size_t>(c)]) {
                std::vector<Draw>& draws = state_->draws[one.id];
                if (!one.text.empty() && draws.size() < kMostDraws) {
                    Draw draw{g, one.truth, one.opposite() ? -1.0 : 1.0, 0, {}};
                    draw.number = std::log1p(number_of(one.kwargs));
                    add_words(draw, one.text);
                    draws.push_back(std::move(draw));
                }
            }
        }
    }
}

std::vector<Leak> LeakProbe::leaks() const {
    std::vector<Leak> out;
    for (auto [type, draws] : state_->draws) {
        const auto positive =
            std::count_if(draws.begin(), draws.end(), [](const Draw& d) { return d.truth; });
        if (positive < kLeast || static_cast<int64_t>(draws.size()) - positive < kLeast) {
            continue;
        }
        add_numbers(draws);
        std::vector<std::pair<double, bool>> scored;
        for (size_t fold = 0; fold < kFolds; ++fold) {
            const std::vector<double> weights = fit(draws, fold);
            for (const Draw& draw : draws) {
                if (draw.record % kFolds == fold) {
                    scored.emplace_back(score(weights, draw), draw.truth);
                }
            }
        }
        Leak leak{type, static_cast<int64_t>(draws.size()), 0.5, 0};
        leak.auc = area(std::move(scored), leak.error);
        out.push_back(leak);
    }
    return out;
}

}  // namespace samara::host
