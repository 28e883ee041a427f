// Text generation: which samples run together, their caches and draws (generate.cpp), over an
// engine that computes logits of the next token from cached keys and values.  Two engines give the
// same numbers, as the routes of decoder.hpp do.
#pragma once
#include "lm/model/decoder.hpp"

#include <memory>
#include <span>

namespace samara::host {

/// Keys and values of consecutive tokens in all layers, laid out as the engine likes.
struct Cache {
    at::Tensor k, v;
    int64_t capacity = 0;  ///< tokens
    int64_t size = 0;      ///< tokens stored
    [[nodiscard]] int64_t bytes() const { return static_cast<int64_t>(k.nbytes() + v.nbytes()); }
};

/// Tokens that follow those of `own`, which follow those of `shared` (null: nothing before).
struct Run {
    const Cache* shared = nullptr;
    Cache* own = nullptr;
    std::span<const int64_t> ids;
};

/// Computes tokens behind caches.  [one thread at a time]
class Engine {
public:
    virtual ~Engine() = default;
    [[nodiscard]] virtual Cache make_cache(int64_t capacity) const = 0;
    /// Appends every run's tokens to its own cache, which must have room.  Returns the logits that
    /// follow each run's last token, [runs, V] float32 on the CPU; undefined if not wanted.
    virtual at::Tensor advance(std::span<const Run> runs, bool logits) = 0;
};

/// Own kernels (kernels_decode.hpp), CPU and float32: the result for a row does not depend on the
/// other rows, byte for byte.
std::unique_ptr<Engine> make_fused_engine(Weights& weights);
/// ATen operators: any device, float32 and float64.
std::unique_ptr<Engine> make_plain_engine(Weights& weights);

/// LanguageModel::generate; `where` is the model's folder, for messages.
Generated generate(Weights& weights,
                   Route route,
                   const std::string& where,
                   std::span<const Prompt> prompts,
                   const Sampling& sampling,
                   const GenerateHooks& hooks);

}  // namespace samara::host
