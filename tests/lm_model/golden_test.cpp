// Log-probabilities of a response from given logits, against TRL's numbers in float64 (computed for
// this project): two padded rows there, two candidates without padding here.
#include "lm/model/decoder.hpp"

#include <ATen/ATen.h>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace samara::host;

TEST_CASE("response log-probabilities equal TRL's for the same logits") {
    // Rows of logits that predict the scored tokens: hidden states, with a head that passes them
    // on.
    const at::Tensor logits = at::tensor({1.0,
                                          2.5,
                                          -1.5,
                                          0.0,  // row 0 predicts 3
                                          -1.0,
                                          0.5,
                                          2.0,
                                          -2.0,  //       then 0, a pad id elsewhere
                                          -2.0,
                                          -0.5,
                                          1.0,
                                          2.5,  // row 1 predicts 0
                                          1.5,
                                          -2.5,
                                          -1.0,
                                          0.5},  //       then 3
                                         at::kDouble)
                                  .view({4, 4});
    Weights weights;
    weights.head = Slab({{4, 4}}, at::TensorOptions(at::kDouble));
    weights.head.value().copy_(at::eye(4, at::kDouble));
    ForestTensors tensors;
    tensors.target_rows = at::arange(4);
    tensors.target_ids = at::tensor({3, 0, 0, 3}, at::kLong);
    const at::Tensor logp = target_logps(weights, logits, tensors, Route::plain);
    const double expected[] = {
        -2.780303012275302, -3.2555974731391206, -4.750000629556494, -1.3840917012886902};
    for (int64_t n = 0; n < 4; ++n) {
        CHECK(std::abs(logp[n].item<double>() - expected[n]) < 1e-9);
    }
    CHECK(std::abs((logp[0] + logp[1]).item<double>() + 6.035900485414423) < 1e-9);
    CHECK(std::abs((logp[2] + logp[3]).item<double>() + 6.134092330845184) < 1e-9);
}
