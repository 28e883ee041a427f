// samara.overlong - a penalty that grows over the last tokens before a length limit; the library
// samara_rewards.
#include <samara/reward.hpp>

#include <algorithm>

namespace {

/// Math     0 where |y| <= limit - buffer;  (limit - buffer - |y|) / buffer up to limit;  -1 beyond
/// Inputs   the length of the response in the policy's tokens, its end included
/// Output   in [-1, 0]
/// Ranges   limit >= 1, 1 <= buffer <= limit, tokens
/// Source   arXiv 2503.14476 eq. 13 (DAPO's soft overlong punishment: L_max, L_cache)
class Overlong {
public:
    static constexpr samara_param params[] = {
        samara::param::integer("limit", nullptr, 1, samara::kInfinity, "from here on -1; tokens"),
        samara::param::integer("buffer",
                               nullptr,
                               1,
                               samara::kInfinity,
                               "tokens before the limit over which it grows")};

    explicit Overlong(const samara::Params& params)
        : limit_(static_cast<double>(params.integer("limit"))),
          buffer_(static_cast<double>(params.integer("buffer"))) {
        if (buffer_ > limit_) {
            samara::fail("buffer is longer than limit");
        }
    }

    void reward(const samara::Rollouts& rollouts, std::span<double> out) const {
        for (size_t n = 0; n < rollouts.size(); ++n) {
            const auto length = static_cast<double>(rollouts[n].response_ids().size());
            out[n] = std::clamp((limit_ - buffer_ - length) / buffer_, -1.0, 0.0);
        }
    }

private:
    double limit_, buffer_;
};

const samara_plugin overlong = samara::reward<Overlong>(
    {.id = "samara.overlong",
     .doc = "Penalty for responses that come close to a length limit, so that cutting them off is "
            "not the first they learn of it",
     .formula = "0 where |y| <= limit - buffer; (limit - buffer - |y|)/buffer up to limit; -1",
     .source = "arXiv 2503.14476 eq. 13 (DAPO)"});

}  // namespace

SAMARA_PLUGINS(&overlong)
