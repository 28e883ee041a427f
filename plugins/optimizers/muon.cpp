// The step of samara.muon; see muon.hpp.  The operators and their order are those of
// torch.optim.Muon, so that equal LibTorches give equal bits.
#include "muon.hpp"

#include <algorithm>
#include <cmath>

namespace samara::optimizers {
namespace {

constexpr samara_slot kSlots[] = {samara::slot("momentum_buffer")};
constexpr double kEps = 1e-7;  // of torch.optim.Muon: a gradient of zeros stays one

bool is_matrix(const samara_param_info& param) {
    return param.role == SAMARA_ROLE_MATRIX && param.ndim == 2;
}

Tensor transposed(const Tensor& x) {
    return call<"aten::t(self)">(x);
}

}  // namespace

Muon::Muon(const Params& params)
    : momentum_(params.number("momentum")),
      weight_decay_(params.number("weight_decay")),
      adamw_lr_factor_(params.number("adamw_lr_factor")),
      nesterov_(params.flag("nesterov")),
      match_rms_(params.string("adjust_lr") == "match_rms_adamw"),
      bfloat16_(params.string("ns_dtype") == "bfloat16"),
      ns_steps_(params.integer("ns_steps")),
      ns_(params.numbers("ns_coefficients")),
      adamw_(params.number("adamw_beta1"),
             params.number("adamw_beta2"),
             params.number("adamw_eps"),
             weight_decay_) {
    if (ns_.size() != 3) {
        fail("ns_coefficients has " + std::to_string(ns_.size()) +
             " numbers; the iteration a x + b x^3 + c x^5 takes 3");
    }
}

std::span<const samara_slot> Muon::slots(const samara_param_info& param) const {
    return is_matrix(param) ? kSlots : adamw_.slots(param);
}

void Muon::step(const Step& step) const {
    if (is_matrix(step.info(0))) {  // the lists of slots differ, so a group has one kind only
        move_matrices(step);
    } else {
        adamw_.move(step, step.lr() * adamw_lr_factor_);
    }
}

void Muon::move_matrices(const Step& step) const {
    const double lr = step.lr();
    const Handles momenta = step.slots(0);
    call_into<"aten::_foreach_lerp_.Scalar(self, tensors1, weight)">(
        {}, momenta, step.grads(), 1 - momentum_);
    if (nesterov_) {  // in the gradients: what is left in them is thrown away
        call_into<"aten::_foreach_lerp_.Scalar(self, tensors1, weight)">(
            {}, step.grads(), momenta, momentum_);
    }
    if (weight_decay_ != 0) {
        call_into<"aten::_foreach_mul_.Scalar(self, scalar)">(
            {}, step.params(), 1 - lr * weight_decay_);
    }
    for (size_t p = 0; p < step.size(); ++p) {
        const auto rows = static_cast<double>(step.info(p).shape[0]);
        const auto columns = static_cast<double>(step.info(p).shape[1]);
        const double scale = match_rms_ ? 0.2 * std::sqrt(std::max(rows, columns))
                                        : std::sqrt(std::max(1.0, rows / columns));
        const Tensor o = orthogonalize(nesterov_ ? step.grad(p) : step.slot(0, p), rows > columns);
        call_into<"aten::add_.Tensor(self, other, alpha)">({}, step.param(p), o, -(lr * scale));
    }
}

Tensor Muon::orthogonalize(const Tensor& update, bool tall) const {
    const Tensor cast = bfloat16_ ? call<"aten::to.dtype(self, dtype)">(update, Dtype::bf16)
                                  : Tensor::borrow(update.handle());
    // Wide: the product x x^T is the smaller one.
    const Tensor wide = tall ? transposed(cast) : Tensor::borrow(cast.handle());
    const Tensor norm = call<"aten::linalg_vector_norm(self)">(wide);
    Tensor x = wide / clamp(norm, kEps, none);
    for (int64_t i = 0; i < ns_steps_; ++i) {
        const Tensor y = call<"aten::mm(self, mat2)">(x, transposed(x));
        const Tensor z =
            call<"aten::addmm(self, mat1, mat2, beta, alpha)">(y, y, y, ns_[1], ns_[2]);
        x = call<"aten::addmm(self, mat1, mat2, beta)">(x, z, x, ns_[0]);
    }
    return tall ? transposed(x) : std::move(x);
}

}  // namespace samara::optimizers
