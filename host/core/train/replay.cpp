// Whole-step columns and their gradients; see replay.hpp.
#include "core/train/replay.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <utility>

namespace samara::host {
namespace {

using Column = at::Tensor Scored::*;
constexpr std::array<Column, kReplayed> kColumns = {&Scored::score,
                                                    &Scored::logp,
                                                    &Scored::prompt_logp,
                                                    &Scored::tok_logp,
                                                    &Scored::tok_entropy,
                                                    &Scored::tok_value};
constexpr std::array<Column, 1> kWithoutGradient = {&Scored::tok_log_p2};

void join_column(const std::vector<Scored>& parts, Column column, Scored& out) {
    std::vector<at::Tensor> list;
    for (const Scored& part : parts) {
        if ((part.*column).defined()) {
            list.push_back(part.*column);
        }
    }
    out.*column = list.empty() ? at::Tensor() : at::cat(list);
}

}  // namespace

Scored join(const std::vector<Scored>& parts) {
    Scored out;
    for (const Column column : kColumns) {
        join_column(parts, column, out);
    }
    for (const Column column : kWithoutGradient) {
        join_column(parts, column, out);
    }
    for (const Scored& part : parts) {
        out.tree_tokens += part.tree_tokens;
    }
    return out;
}

Replay::Replay(Scored whole) : whole_(std::move(whole)) {
    for (const Column column : kColumns) {
        if ((whole_.*column).defined()) {
            (whole_.*column).requires_grad_(true);
        }
    }
}

void Replay::backward(const Scored& part) {
    std::vector<at::Tensor> roots, gradients;
    for (size_t c = 0; c < kColumns.size(); ++c) {
        const at::Tensor& column = part.*kColumns[c];
        if (!column.defined()) {
            continue;
        }
        const at::Tensor& gradient = (whole_.*kColumns[c]).grad();
        if (gradient.defined()) {
            roots.push_back(column);
            gradients.push_back(gradient.narrow(0, begin_[c], column.size(0)));
        }
        begin_[c] += column.size(0);
    }
    if (!roots.empty()) {
        torch::autograd::backward(roots, gradients);
    }
}

}  // namespace samara::host
