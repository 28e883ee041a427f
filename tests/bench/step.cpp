// Time of one forward and backward of a reward model and of a language model on a MAPL-like group
// of eight candidates: the forest against the same candidates as padded sequences of their own, and
// the share of the time that the matrix products alone would take at the same shapes.  Random
// weights in the shape of SmolLM2-135M.  Not a test.
//
//   bench_step [repeats = 5] [threads = 1] [stock | onednn | probe = probe] [layers = 30]
#include "lm/model/decoder.hpp"
#include "lm/model/probe.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

using namespace samara::host;

namespace {

/// With one thread the seconds of that thread, which a busy machine does not stretch; else those on
/// the wall.
double now() {
    if (at::get_num_threads() == 1) {
        timespec time{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

int64_t layers = 30;

ModelConfig smol() {
    ModelConfig config;
    config.family = "llama";
    config.hidden = 576;
    config.layers = layers;
    config.heads = 9;
    config.kv_heads = 3;
    config.head_dim = 64;
    config.intermediate = 1536;
    config.vocabulary = 49152;
    config.norm_eps = 1e-5;
    config.tied = true;
    return config;
}

Weights random_weights(bool reward) {
    const at::NoGradGuard no_grad;
    Weights weights = make_weights(smol(), at::TensorOptions().dtype(at::kFloat), reward);
    at::manual_seed(1);
    for (auto& parameter : weights.parameters)
        parameter.value.dim() == 1 ? parameter.value.fill_(1.0) : parameter.value.normal_(0, 0.02);
    return weights;
}

/// (x, y_w), (x, y_l), (x_1w, y_w), (x_1l, y_w), (x_2w, y_l), (x_2l, y_l), (x', y_w), (x', y_l):
/// every prompt begins with x.  x of 150 tokens, instructions of 25, answers of 140 and 110: about
/// what short chat pairs are.
Group mapl_group() {
    std::mt19937_64 random(7);
    const auto draw = [&](int n) {
        Ids ids(n);
        for (auto& id : ids)
            id = static_cast<int64_t>(random() % 49000 + 50);
        return ids;
    };
    const Ids x = draw(150), won = draw(140), lost = draw(110);
    Group group;
    const auto add = [&](const Ids& more, const Ids& response) {
        Candidate candidate;
        candidate.prompt_ids = x;
        candidate.prompt_ids.insert(candidate.prompt_ids.end(), more.begin(), more.end());
        candidate.response_ids = response;
        group.candidates.push_back(candidate);
    };
    for (const auto* response : {&won, &lost})
        add({}, *response);
    for (const auto* response : {&won, &won, &lost, &lost})
        add(draw(25), *response);
    const Ids both = draw(25);
    for (const auto* response : {&won, &lost})
        add(both, *response);
    return group;
}

/// Every candidate as a group of its own, filled up to the longest: what a padded batch computes.
std::vector<Group> padded(const Group& group) {
    size_t longest = 0;
    for (const auto& candidate : group.candidates)
        longest = std::max(longest, candidate.prompt_ids.size() + candidate.response_ids.size());
    std::vector<Group> alone;
    for (Candidate candidate : group.candidates) {
        candidate.response_ids.resize(longest - candidate.prompt_ids.size(), 0);
        alone.emplace_back().candidates.push_back(candidate);
    }
    return alone;
}

struct Figures {
    int64_t tokens = 0, rows = 0;
    double loss = 0;
};

Figures step(Weights& weights, const std::vector<const Group*>& groups) {
    const Forest forest = build_forest(groups);
    const ForestTensors tensors = make_tensors(forest, weights);
    const at::Tensor hidden = decode(weights, forest, tensors, Route::fused);
    at::Tensor values;
    const bool reward = weights.score.defined();
    if (reward) {
        values = at::mv(final_norm(weights, hidden.index_select(0, tensors.last)),
                        weights.score.part().view({-1}));
    } else {
        const at::Tensor normed = final_norm(weights, hidden.index_select(0, tensors.rows));
        const at::Tensor logps = target_logps(weights, normed, tensors, Route::fused);
        values =
            at::zeros({tensors.last.size(0)}, logps.options())
                .index_add(0, tensors.tok_candidate, logps.index_select(0, tensors.tok_target));
    }
    const at::Tensor pairs = values.view({-1, 2});
    const at::Tensor loss =
        -at::log_sigmoid(0.1 * (pairs.select(1, 0) - pairs.select(1, 1))).mean();
    loss.backward();
    const auto rows = reward ? int64_t{0} : tensors.rows.size(0);
    return {hidden.size(0), rows, loss.item<double>()};
}

/// Seconds of the forward and backward products alone, at the shapes of a step.
double floor_of(int64_t tokens, int64_t rows) {
    const ModelConfig c = smol();
    const int64_t q = c.heads * c.head_dim, qkv = (c.heads + 2 * c.kv_heads) * c.head_dim;
    struct Shape {
        int64_t n, in, out, times;
    };
    std::vector<Shape> shapes{{tokens, c.hidden, qkv, c.layers},
                              {tokens, q, c.hidden, c.layers},
                              {tokens, c.hidden, 2 * c.intermediate, c.layers},
                              {tokens, c.intermediate, c.hidden, c.layers}};
    if (rows > 0)
        shapes.push_back({rows, c.hidden, c.vocabulary, 1});
    double total = 0;
    for (const auto& s : shapes) {
        const at::Tensor x = at::randn({s.n, s.in}), w = at::randn({s.out, s.in});
        at::Tensor y = at::randn({s.n, s.out}), dx = at::empty_like(x), dw = at::zeros_like(w);
        double best = 1e9;
        for (int i = 0; i < 4; ++i) {
            const double from = now();
            at::mm_out(dx, y, w);
            dw.addmm_(y.t(), x);
            at::mm_out(y, x, w.t());
            if (i > 0)
                best = std::min(best, now() - from);
        }
        total += best * static_cast<double>(s.times);
    }
    return total;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void compare(bool reward, int repeats) {
    Weights weights = random_weights(reward);
    const Group group = mapl_group();
    const std::vector<Group> alone = padded(group);
    const std::vector<const Group*> forest{&group};
    std::vector<const Group*> separate;
    for (const auto& one : alone)
        separate.push_back(&one);
    std::vector<double> forest_times, padded_times, floors;
    Figures tree, flat;
    for (int i = 0; i <= repeats; ++i) {  // interleaved; the first round warms up
        double from = now();
        tree = step(weights, forest);
        const double forest_time = now() - from;
        from = now();
        flat = step(weights, separate);
        const double padded_time = now() - from;
        const double floor = floor_of(tree.tokens, tree.rows);
        if (i == 0)
            continue;
        forest_times.push_back(forest_time);
        padded_times.push_back(padded_time);
        floors.push_back(floor);
    }
    const double time = median(forest_times), slow = median(padded_times), floor = median(floors);
    std::printf(
        "%-14s forest %6lld tokens %8.1f ms   padded %6lld tokens %8.1f ms   %.2fx   "
        "products alone %8.1f ms = %.0f %% of the forest step\n",
        reward ? "reward" : "log-probs",
        static_cast<long long>(tree.tokens),
        time * 1e3,
        static_cast<long long>(flat.tokens),
        slow * 1e3,
        slow / time,
        floor * 1e3,
        100 * floor / time);
}

void choose_route(const std::string& wish) {
    if (wish != "probe") {
        set_fp32_route(parse_fp32_route(wish).value_or(Fp32Route::stock));
        return;
    }
    const std::string folder = std::string(P_tmpdir) + "/samara-bench-step";
    if (std::system(("mkdir -p " + folder).c_str()) != 0)
        return;
    std::ofstream(folder + "/config.json")
        << R"({"model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
               "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152})";
    const Fp32Probe probe = probe_fp32_route(folder);
    std::printf(
        "probe: stock %.0f GFLOP/s, error %.1e; onednn %.0f GFLOP/s, error %.1e; %s, %.2f s\n",
        probe.stock_gflops,
        probe.stock_error,
        probe.onednn_gflops,
        probe.onednn_error,
        name_of(probe.choice),
        probe.seconds);
    set_fp32_route(probe.choice);
}

}  // namespace

int main(int count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);  // figures appear as they come, through a pipe too
#if defined(__GLIBC__)
    // As the command does: large blocks stay with the process instead of being mapped anew each
    // time.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 2147483647);
    mallopt(M_TOP_PAD, 64 << 20);
#endif
    const int repeats = count > 1 ? std::atoi(arguments[1]) : 5;
    at::set_num_threads(count > 2 ? std::atoi(arguments[2]) : 1);
    if (count > 4)  // fewer: the same ratios in less time
        layers = std::max(1, std::atoi(arguments[4]));
    choose_route(count > 3 ? arguments[3] : "probe");
    std::string load;
    std::ifstream("/proc/loadavg") >> load;
    std::printf(
        "SmolLM2-135M shape, %lld layers, float32, route %s, %d thread(s), %d repeats, load %s\n",
        static_cast<long long>(layers),
        name_of(current_fp32_route()),
        at::get_num_threads(),
        repeats,
        load.c_str());
    compare(true, std::max(repeats, 1));
    compare(false, std::max(repeats, 1));
}
