// Measuring the float32 matrix routes; see probe.hpp.
#include "lm/model/probe.hpp"

#include "lm/model/config.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

namespace samara::host {
namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// The three products of a linear layer's forward and backward.
struct Products {
    at::Tensor y, dx, dw;
    static Products compute(const at::Tensor& x, const at::Tensor& w, const at::Tensor& dy) {
        return {at::mm(x, w.t()), at::mm(dy, w), at::mm(dy.t(), x)};
    }
    [[nodiscard]] double error(const Products& exact) const {
        const auto one = [](const at::Tensor& a, const at::Tensor& b) {
            return ((a.to(at::kDouble) - b).abs().max() / b.abs().max()).item<double>();
        };
        return std::max({one(y, exact.y), one(dx, exact.dx), one(dw, exact.dw)});
    }
};

/// Values in [-1, 1) without a generator: the probe must not advance anybody's random state.
at::Tensor noise(int64_t rows, int64_t columns, int64_t salt) {
    const at::Tensor n = at::arange(rows * columns, at::kLong) * 2654435761 + salt * 40503;
    const at::Tensor bits = at::bitwise_and(at::bitwise_xor(n, n.div(65536, "floor")), 0xffff);
    return (bits.to(at::kFloat) / 32768.0 - 1.0).view({rows, columns});
}

}  // namespace

const char* name_of(Fp32Route route) {
    return route == Fp32Route::onednn ? "onednn" : "stock";
}

std::optional<Fp32Route> parse_fp32_route(const std::string& name) {
    for (const auto route : {Fp32Route::stock, Fp32Route::onednn})
        if (name == name_of(route))
            return route;
    return std::nullopt;
}

void set_fp32_route(Fp32Route route) {
    at::globalContext().setFloat32Precision(
        at::Float32Backend::MKLDNN,
        at::Float32Op::MATMUL,
        route == Fp32Route::onednn ? at::Float32Precision::BF16 : at::Float32Precision::IEEE);
}

Fp32Route current_fp32_route() {
    const auto precision =
        at::globalContext().float32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL);
    return precision == at::Float32Precision::BF16 ? Fp32Route::onednn : Fp32Route::stock;
}

Fp32Probe probe_fp32_route(const std::string& folder) {
    const double start = now();
    const at::NoGradGuard no_grad;
    const ModelConfig config = read_model_config(folder);
    // The largest product of a layer; rows and columns capped so that big models stay within the
    // second.
    const int64_t rows = 256, inner = std::min<int64_t>(config.hidden, 4096);
    const int64_t budget = int64_t{1} << 27;  // multiplications in one product
    const int64_t columns =
        std::max<int64_t>(std::min<int64_t>(2 * config.intermediate, budget / (rows * inner)), 1);
    const at::Tensor x = noise(rows, inner, 1), w = noise(columns, inner, 2);
    const at::Tensor dy = noise(rows, columns, 3);
    const auto exact = Products::compute(x.to(at::kDouble), w.to(at::kDouble), dy.to(at::kDouble));
    const Fp32Route before = current_fp32_route();
    double best[2] = {1e9, 1e9}, error[2] = {0, 0};
    for (int round = 0; round < 4; ++round) {  // interleaved: a busy machine slows both
        for (const auto route : {Fp32Route::stock, Fp32Route::onednn}) {
            set_fp32_route(route);
            const double from = now();
            const auto result = Products::compute(x, w, dy);
            const int i = route == Fp32Route::onednn;
            if (round == 0)  // the first call also builds the library's kernels
                error[i] = result.error(exact);
            else
                best[i] = std::min(best[i], now() - from);
        }
        if (round > 0 && now() - start > 0.6)
            break;
    }
    set_fp32_route(before);
    const double work = 6e-9 * static_cast<double>(rows * inner * columns);
    Fp32Probe probe{Fp32Route::stock, work / best[0], work / best[1], error[0], error[1], 0};
    if (error[1] < 5e-6 && best[1] < best[0])
        probe.choice = Fp32Route::onednn;
    probe.seconds = now() - start;
    return probe;
}

}  // namespace samara::host
