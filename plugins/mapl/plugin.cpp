// The library samara_mapl: two synthesizers and the objective of MAPL (arXiv 2505.12845).  What
// each does stands in intra.hpp, inter.hpp and objective.hpp; what is not in the published abstract
// is marked "as reconstructed".
#include "inter.hpp"
#include "intra.hpp"
#include "objective.hpp"

namespace {

const samara_plugin intra = samara::synthesizer<samara::mapl::Intra>(
    {.id = "samara.mapl_intra",
     .doc = "Two prompts with instructions for one response, the better satisfied one preferred "
            "(tag intra), for the chosen and for the rejected response",
     .formula = "(x_w, y) > (x_l, y), where (a) y satisfies all of x_w and not all of x_l, or (b) "
                "at least one of x_w and none of x_l: 2^(k+1) - 3 truth patterns for k types; "
                "empty_side: (x, y_w) > (x_l, y_w) and (x_w, y_l) > (x, y_l)",
     .source =
         "MAPL, arXiv 2505.12845, intra-sample part; conditions and triples from summaries "
         "of the paper, instruction functions and their number as reconstructed.  empty_side: "
         "Rc-BT, arXiv 2502.00814"});

const samara_plugin inter = samara::synthesizer<samara::mapl::Inter>(
    {.id = "samara.mapl_inter",
     .doc = "One prompt x' with instructions that the two responses satisfy differently, and the "
            "contrast of its preference with the original one (tag inter)",
     .formula = "widen: M(x') > M(x); narrow: M(x) > M(x'); neutral: equal (flip 0.5); "
                "M(x) = r(x, y_w) - r(x, y_l); prompts \"two\": M(x') > M(x''); compare "
                "\"responses\": (x', y_w) > (x', y_l)",
     .source = "MAPL, arXiv 2505.12845, inter-sample part; the contrast and its conditions as "
               "reconstructed.  prompts \"two\": IOPO, arXiv 2411.06208; compare \"responses\": "
               "Reverse-PO, arXiv 2505.22172"});

const samara_plugin mapl = samara::objective<samara::mapl::Mapl>(
    {.id = "samara.mapl",
     .doc =
         "MAPL: preferences by Bradley-Terry, contrasts between preferences by one of four forms",
     .formula =
         "preference: -log sigmoid(beta*(s_i-s_j) - m).  contrast, with "
         "z = beta*((s_i-s_j)-(s_k-s_l)) - m: margin_gap -log sigmoid(z), hinge max(0, h-z), "
         "squared z^2, logprob_strength -log sigmoid(log sigmoid(beta*(s_i-s_j)) - "
         "log sigmoid(beta*(s_k-s_l)) - m).  flip p mixes in the loss of -z with weight p "
         "(not in squared).  likelihood \"joint\": preferences on s + prompt_logp - "
         "ref_prompt_logp",
     .source = "MAPL, arXiv 2505.12845: intra loss from summaries of the paper, the inter forms as "
               "reconstructed (default margin_gap)"});

}  // namespace

SAMARA_PLUGINS(&intra, &inter, &mapl)
