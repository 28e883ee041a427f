// samara.reinforce - the plain policy gradient: log-probability times advantage.
#include "family.hpp"

namespace samara::policy {
namespace {

/// Math     L = -A tok.logp
/// Inputs   tok.logp, tok.advantage [T];  with normaliser "sequence" tok.candidate
/// Output   reinforce [T], divided as `normaliser` says.  Its value says nothing, only its gradient
///          does
/// Ranges   no parameter of its own.  There is no ratio: right only for one pass over each rollout
/// Source   Williams 1992; with leave-one-out advantages RLOO (arXiv 2402.14740), whose sum over
///          each response is normaliser "constant" with max_length 1.  TRL's RLOO trainer has a
///          clipped ratio of whole responses instead
class Reinforce {
public:
    static constexpr samara_param params[] = {kNormaliserParam, kMaxLengthParam};

    explicit Reinforce(const Params& params)
        : normaliser_(params), loss_(normaliser_.loss("reinforce")) {}

    std::span<const char* const> columns() const {
        static constexpr const char* all[] = {"tok.logp", "tok.advantage", "tok.candidate"};
        return std::span(all).first(normaliser_.reads_candidates() ? 3 : 2);
    }
    std::span<const samara_loss> losses() const { return {&loss_, 1}; }

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        normaliser_.weigh(in, weights);
    }

    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        out[0] = -(in[1] * in[0]);
    }

private:
    Normaliser normaliser_;
    samara_loss loss_;
};

}  // namespace

const samara_plugin kReinforce = objective<Reinforce>(
    {.id = "samara.reinforce",
     .doc = "The plain policy gradient per token, for one pass over each rollout; RLOO with "
            "leave-one-out advantages",
     .formula = "-A*tok.logp",
     .source = "Williams 1992; arXiv 2402.14740 (RLOO: normaliser \"constant\", max_length 1)"});

}  // namespace samara::policy
