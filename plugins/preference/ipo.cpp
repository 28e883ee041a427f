// samara.ipo - identity preference optimisation: the gap is pulled to a target, not pushed without
// end.
#include "family.hpp"

namespace samara::preference {
namespace {

constexpr std::array kSum = {"gap.score", "rel.margin", "rel.flip"};
constexpr auto kPerToken = join(std::array{"rel.margin", "rel.flip", "score", "length"}, kEnds);

/// Math     h = gap of score (normalise "none") or of score/length ("length") - rel.margin/beta;
///          loss = (1-p) (h - 1/(2 beta))^2 + p (h + 1/(2 beta))^2,  p = rel.flip
/// Inputs   gap.score, or score, length [N] and the ends;  rel.margin, rel.flip [R]
/// Output   ipo [R], divided by the relations' weights
/// Ranges   beta > 0: the target 1/(2 beta) is a gap in nats (0.1: 5 nats, or 5 nats per token)
/// Source   arXiv 2310.12036 eq. 17, which is the sum.  Trainers differ: TRL averages by length in
///          DPO and CPO alike; OpenRLHF and the CPO paper sum
class Ipo {
public:
    static constexpr samara_param params[] = {
        beta_param("0.1", "the target of the gap is 1/(2 beta)"),
        param::choice("normalise",
                      "\"none\"",
                      "none|length",
                      "none: the paper's sums; length: scores per token of the response, as TRL")};
    static constexpr samara_loss losses[] = {loss("ipo")};
    static constexpr int64_t orders = 3;

    explicit Ipo(const Params& params)
        : beta_(params.number("beta")), per_token_(params.string("normalise") == "length") {}

    std::span<const char* const> columns() const {
        return per_token_ ? std::span<const char* const>(kPerToken)
                          : std::span<const char* const>(kSum);
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        if (per_token_) {
            out[0] = squares(gap_of(per_token(in[2], in[3]), in.subspan(4)), in[0], in[1]);
        } else {
            out[0] = squares(in[0], in[1], in[2]);
        }
    }

private:
    Tensor squares(const Tensor& gap, const Tensor& margin, const Tensor& flip) const {
        const double target = 1.0 / (2.0 * beta_);
        const Tensor h = gap - margin / beta_;
        return expect(square(h - target), square(h + target), flip);
    }
    double beta_;
    bool per_token_;
};

}  // namespace

const samara_plugin kIpo = objective<Ipo>(
    {.id = "samara.ipo",
     .doc = "IPO: the gap is drawn to 1/(2 beta).  normalise \"none\" is the paper's (and "
            "OpenRLHF's), \"length\" is TRL's",
     .formula =
         "(h - 1/(2*beta))^2, h = gap.score - rel.margin/beta; normalise \"length\": the gap "
         "of score/length; rel.flip p: (1-p)*L(h) + p*L(-h)",
     .source = "arXiv 2310.12036 eq. 17; by length: as TRL's loss types ipo of DPO and CPO"});

}  // namespace samara::preference
