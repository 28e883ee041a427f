// The library samara_optimizers: four optimizers.  What each does stands in adamw.hpp, sgd.hpp,
// lion.hpp and muon.hpp.
#include "adamw.hpp"
#include "lion.hpp"
#include "muon.hpp"
#include "sgd.hpp"

namespace {

const samara_plugin adamw = samara::optimizer<samara::optimizers::AdamW>(
    {.id = "samara.adamw",
     .doc = "Adam with decoupled weight decay; norms and biases are never decayed.",
     .formula = "p -= lr*weight_decay*p; p -= lr*mhat/(sqrt(vhat)+eps)",
     .source = "arXiv 1711.05101 alg. 2"});

const samara_plugin sgd = samara::optimizer<samara::optimizers::Sgd>(
    {.id = "samara.sgd",
     .doc = "Gradient descent with momentum and L2 penalty; norms and biases are never decayed.",
     .formula = "g += weight_decay*p; b = momentum*b + g; p -= lr*b, or with nesterov "
                "p -= lr*(g + momentum*b)",
     .source = "torch.optim.SGD"});

const samara_plugin lion = samara::optimizer<samara::optimizers::Lion>(
    {.id = "samara.lion",
     .doc = "Sign of an interpolated momentum, decoupled weight decay; norms and biases are never "
            "decayed.",
     .formula = "p -= lr*(sign(beta1*m + (1-beta1)*g) + weight_decay*p); m = beta2*m + (1-beta2)*g",
     .source = "arXiv 2302.06675 alg. 2"});

const samara_plugin muon = samara::optimizer<samara::optimizers::Muon>(
    {.id = "samara.muon",
     .doc = "Matrices by their orthogonalised momentum; embeddings, heads, norms and biases by "
            "AdamW.",
     .formula = "b = lerp(g, b, momentum); p -= lr*weight_decay*p; "
                "p -= lr*s*NS(lerp(g, b, momentum)), s = sqrt(max(1, A/B)) or 0.2*sqrt(max(A, B))",
     .source = "torch.optim.Muon of LibTorch 2.13, after github.com/KellerJordan/Muon; "
               "arXiv 2502.16982"});

}  // namespace

SAMARA_PLUGINS(&adamw, &sgd, &lion, &muon)
