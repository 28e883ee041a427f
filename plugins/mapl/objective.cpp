// The formulas of samara.mapl.
#include "objective.hpp"

namespace samara::mapl {
namespace {

constexpr const char* kContrastColumns[] =
    {"score", "rel.i", "rel.j", "rel.k", "rel.l", "rel.order"};

/// -(1-flip) log sigmoid(z) - flip log sigmoid(-z)
Tensor logistic(const Tensor& z, const Tensor& flip) {
    return -(1.0 - flip) * log_sigmoid(z) - flip * log_sigmoid(-z);
}

/// score[a] - score[b]; the -1 of preferences reads candidate 0, whose value is masked later.
Tensor margin_of(const Tensor& score, const Tensor& a, const Tensor& b) {
    const auto at = [&](const Tensor& index) {
        return take(score, clamp(index, int64_t{0}, none));
    };
    return at(a) - at(b);
}

}  // namespace

Mapl::Mapl(const Params& params)
    : beta_(params.number("beta")),
      hinge_margin_(params.number("hinge_margin")),
      form_(Form::margin_gap),
      stop_(Stop::none),
      joint_(params.string("likelihood") == "joint"),
      columns_{"gap.score", "rel.margin", "rel.flip"} {
    const std::string form = params.string("form");
    form_ = form == "hinge"              ? Form::hinge
            : form == "squared"          ? Form::squared
            : form == "logprob_strength" ? Form::logprob_strength
                                         : Form::margin_gap;
    const std::string stop = params.string("stop_gradient");
    stop_ = stop == "stronger" ? Stop::stronger : stop == "weaker" ? Stop::weaker : Stop::none;
    if (!plain()) {
        columns_.insert(columns_.end(), std::begin(kContrastColumns), std::end(kContrastColumns));
    }
    if (joint_) {
        columns_.insert(columns_.end(), {"gap.prompt_logp", "gap.ref_prompt_logp?"});
    }
}

Tensor Mapl::gap(std::span<const Tensor> in) const {
    if (!joint_) {
        return Tensor::borrow(in[0].handle());
    }
    const Tensor &prompt = in[in.size() - 2], &reference = in[in.size() - 1];
    return reference ? in[0] + prompt - reference : in[0] + prompt;
}

void Mapl::forward(std::span<const Tensor> in, std::span<Tensor> out) const {
    const Tensor& margin = in[1];
    const Tensor& flip = in[2];
    Tensor preference = logistic(beta_ * gap(in) - margin, flip);
    if (plain()) {
        out[0] = std::move(preference);
        return;
    }
    Tensor stronger = margin_of(in[3], in[4], in[5]);
    Tensor weaker = margin_of(in[3], in[6], in[7]);
    out[0] = where(equal(in[8], 2.0),
                   contrast(std::move(stronger), std::move(weaker), margin, flip),
                   preference);
}

Tensor Mapl::contrast(Tensor stronger,
                      Tensor weaker,
                      const Tensor& margin,
                      const Tensor& flip) const {
    if (stop_ == Stop::stronger) {
        stronger = detach(stronger);
    } else if (stop_ == Stop::weaker) {
        weaker = detach(weaker);
    }
    if (form_ == Form::logprob_strength) {
        const Tensor z = log_sigmoid(beta_ * stronger) - log_sigmoid(beta_ * weaker) - margin;
        return logistic(z, flip);
    }
    const Tensor z = beta_ * (stronger - weaker) - margin;
    switch (form_) {
        case Form::hinge:
            return (1.0 - flip) * relu(hinge_margin_ - z) + flip * relu(hinge_margin_ + z);
        case Form::squared:
            return square(z);
        default:
            return logistic(z, flip);
    }
}

}  // namespace samara::mapl
