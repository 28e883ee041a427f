// The negative log-likelihood shared by samara.sft, samara.cpo and samara.orpo; see family.hpp.
#include "family.hpp"

#include <algorithm>

namespace samara::preference {
namespace {

int64_t index_of_tag(const std::string& tag) {
    std::string names;
    for (int64_t t = 0; t < info().n_tags; ++t) {
        if (tag == info().tags[t]) {
            return t;
        }
        names += (t == 0 ? "" : ", ") + std::string(info().tags[t]);
    }
    fail("nll_tag is '" + tag + "', the tags of this run are: " + names);
    return -1;
}

const int64_t* whole(const samara_array& a) {
    return static_cast<const int64_t*>(a.data);
}

}  // namespace

PerNll nll_of(const std::string& choice) {
    return choice == "sequence"  ? PerNll::sequence
           : choice == "average" ? PerNll::average
                                 : PerNll::token;
}

Tensor nll(const Tensor& logp, const Tensor& tokens, PerNll per) {
    // The mean over tokens is the mean of per-token means weighted with the tokens.
    return per == PerNll::sequence ? -logp : -per_token(logp, tokens);
}

void weigh_chosen(std::span<const samara_array> columns,
                  const samara_array* prompt_length,
                  const std::string& tag,
                  PerNll per,
                  const samara_array& weights) {
    const int64_t wanted = index_of_tag(tag);
    const int64_t *i = whole(columns[kFirstEnd]), *j = whole(columns[kFirstEnd + 1]),
                  *order = whole(columns[kFirstEnd + 4]), *tags = whole(columns[kTag]),
                  *length = whole(columns[kLength]), *label = whole(columns[kLabel]);
    const auto* flip = static_cast<const double*>(columns[kFlip].data);
    const auto candidates = static_cast<size_t>(weights.shape[0]);
    std::vector<double> share(candidates, -1.0);  // -1: in no preference of the tag
    for (int64_t r = 0; r < columns[kTag].shape[0]; ++r) {
        if (tags[r] == wanted && order[r] == 1) {
            double& of_chosen = share[static_cast<size_t>(i[r])];
            double& of_rejected = share[static_cast<size_t>(j[r])];
            of_chosen = std::max(of_chosen, 1.0 - flip[r]);
            of_rejected = std::max(of_rejected, flip[r]);
        }
    }
    auto* weight = static_cast<double*>(weights.data);
    for (size_t c = 0; c < candidates; ++c) {
        const double own = share[c] >= 0 ? share[c] : label[c] == 1 ? 1.0 : 0.0;
        // The very first token of a prompt is never scored.
        const int64_t prompt =
            prompt_length == nullptr ? 0 : std::max<int64_t>(whole(*prompt_length)[c] - 1, 0);
        const int64_t tokens = std::max<int64_t>(length[c] + prompt, 1);
        weight[c] *= own * (per == PerNll::token ? static_cast<double>(tokens) : 1.0);
    }
}

}  // namespace samara::preference
