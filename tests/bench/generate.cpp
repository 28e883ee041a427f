// Time of a decoding step at several batch sizes in the shape of SmolLM2-135M (random weights),
// beside the floor measured in the same process: the time to read every weight once.  Not a test.
//
//   bench_generate [repeats = 3] [threads = 1] [prompt = 128] [new tokens = 32]
#include "lm/model/generate.hpp"

#include "lm/model/kernels_common.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <vector>

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

Weights random_weights() {
    const at::NoGradGuard no_grad;
    ModelConfig config;
    config.family = "llama";
    config.hidden = 576;
    config.layers = 30;
    config.heads = 9;
    config.kv_heads = 3;
    config.head_dim = 64;
    config.intermediate = 1536;
    config.vocabulary = 49152;
    config.norm_eps = 1e-5;
    config.tied = true;
    Weights weights = make_weights(config, at::TensorOptions().dtype(at::kFloat), false);
    at::manual_seed(1);
    for (auto& parameter : weights.parameters)
        parameter.value.dim() == 1 ? parameter.value.fill_(1.0) : parameter.value.normal_(0, 0.02);
    return weights;
}

/// A sum of x [begin, end), with the fetching ahead that reads fastest.
SAMARA_CLONES float sum_of(const float* x, int64_t begin, int64_t end) {
    float sums[64] = {}, sum = 0;
    for (int64_t i = begin; i + 64 <= end; i += 64) {
        for (int64_t j = 0; j < 64; j += 16)
            __builtin_prefetch(x + i + j + 8192, 0, 2);
#pragma omp simd
        for (int64_t j = 0; j < 64; ++j)
            sums[j] += x[i + j];
    }
    for (const float part : sums)
        sum += part;
    return sum;
}

/// Seconds to read every weight once.
double read_all(const Weights& weights, double& bytes) {
    bytes = 0;
    const double from = now();
    for (const auto& parameter : weights.parameters) {
        bytes += static_cast<double>(parameter.value.nbytes());
        const float* x = parameter.value.const_data_ptr<float>();
        at::parallel_for(
            0, parameter.value.numel(), int64_t{1} << 16, [&](int64_t begin, int64_t end) {
                volatile float keep = sum_of(x, begin, end);
                static_cast<void>(keep);
            });
    }
    return now() - from;
}

struct Figures {
    double prefill = 0, step = 0;
    int64_t steps = 0;
};

/// Seconds of one generation, the prompt and the steps apart.
Figures time_of(Weights& weights, int64_t batch, int64_t prompt_size, int64_t tokens) {
    Prompt prompt;
    for (int64_t i = 0; i < prompt_size; ++i)
        prompt.ids.push_back(50 + i * 97 % 49000);
    Sampling sampling;
    sampling.samples = batch;
    sampling.batch = batch;
    sampling.max_new_tokens = tokens;
    double first = 0;
    const GenerateHooks hooks{.cancelled = {},
                              .ends =
                                  [&](std::span<const int64_t>) {
                                      first = first == 0 ? now() : first;
                                      return false;
                                  },
                              .done = {}};
    const double from = now();
    const Generated result = generate(weights, Route::fused, "", {&prompt, 1}, sampling, hooks);
    const double to = now();
    return {first - from, (to - first) / static_cast<double>(result.steps), result.steps};
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 1 << 30);  // as the command does
    mallopt(M_TRIM_THRESHOLD, 2147483647);
    mallopt(M_TOP_PAD, 64 << 20);
#endif
    const int repeats = count > 1 ? std::atoi(arguments[1]) : 3;
    at::set_num_threads(count > 2 ? std::atoi(arguments[2]) : 1);
    const int64_t prompt = count > 3 ? std::atoi(arguments[3]) : 128;
    const int64_t tokens = count > 4 ? std::atoi(arguments[4]) : 32;
    std::string load;
    std::ifstream("/proc/loadavg") >> load;
    Weights weights = random_weights();
    std::printf("SmolLM2-135M shape, float32, %d thread(s), %d repeats, load %s\n",
                at::get_num_threads(),
                repeats,
                load.c_str());
    for (const int64_t batch : {1, 8, 32}) {
        std::vector<double> prefills, steps, floors;
        double bytes = 0;
        for (int i = 0; i <= repeats; ++i) {  // interleaved; the first round warms up
            const double floor = read_all(weights, bytes);
            const Figures figures = time_of(weights, batch, prompt, tokens);
            if (i == 0)
                continue;
            floors.push_back(floor);
            prefills.push_back(figures.prefill);
            steps.push_back(figures.step);
        }
        const double floor = median(floors), step = median(steps), prefill = median(prefills);
        std::printf(
            "batch %2lld  step %6.1f ms, %6.0f tokens/s   reading %.0f MB of weights %5.1f ms = "
            "%3.0f %% of the step   prompt of %lld tokens %6.1f ms\n",
            static_cast<long long>(batch),
            step * 1e3,
            static_cast<double>(batch) / step,
            bytes / 1e6,
            floor * 1e3,
            100 * floor / step,
            static_cast<long long>(prompt),
            prefill * 1e3);
    }
    return 0;
}
