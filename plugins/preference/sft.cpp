// samara.sft - the likelihood of what was chosen, as a loss of its own: beside DPO it makes RPO and
// MPO, beside samara.simpo CPO-SimPO.
#include "family.hpp"

namespace samara::preference {
namespace {

/// Math     nll = -logp of a candidate, in the unit `nll`: over tokens, sequences, or averages
/// Inputs   kNllColumns
/// Output   nll [N], divided by the weights of weigh_chosen(), where it stands who counts
/// Ranges   none; rel.flip is honoured as a share, rel.margin has no part in a likelihood
/// Orders   contrasts choose no response: whatever their tag, they are passed over
/// Source   maximum likelihood; with DPO RPO arXiv 2404.19733 (nll "average") and MPO arXiv
///          2411.10442.  TRL's `sft` is nll "token" over its micro-batch; here over the step, so
///          that the split does not show
class Sft {
public:
    static constexpr samara_param params[] = {nll_param("nll"), nll_tag_param()};
    static constexpr auto columns = kNllColumns;
    static constexpr samara_loss losses[] = {loss("nll", SAMARA_PER_CANDIDATE)};
    static constexpr int64_t orders = 3;

    explicit Sft(const Params& params)
        : per_(nll_of(params.string("nll"))), tag_(params.string("nll_tag")) {}

    void weigh(std::span<const samara_array> in, std::span<const samara_array> weights) const {
        weigh_chosen(in, nullptr, tag_, per_, weights[0]);
    }
    void forward(std::span<const Tensor> in, std::span<Tensor> out) const {
        out[0] = nll(in[kLogp], in[kLength], per_);
    }

private:
    PerNll per_;
    std::string tag_;
};

}  // namespace

const samara_plugin kSft = objective<Sft>(
    {.id = "samara.sft",
     .doc = "Likelihood of chosen responses (preferences of tag nll_tag) and of rows with label 1",
     .formula = "-logp of the chosen; nll \"token\": sum w*nll / sum w*length over the step, "
                "\"sequence\": mean, \"average\": mean of nll/length",
     .source = "maximum likelihood; as the second term of RPO arXiv 2404.19733 and MPO arXiv "
               "2411.10442"});

}  // namespace samara::preference
