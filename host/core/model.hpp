// The one place where core and lm meet: what a preference trainer needs to know of a language
// model. lm/ implements it for Hugging Face folders; core/ uses nothing else of a model.
#pragma once
#include "runtime/records.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace samara::host {

/// A (prompt, response) as token ids.
struct Encoded {
    Ids prompt_ids;
    Ids response_ids;  ///< everything after the prompt's ids, whatever the template renders at the
                       ///< end included
    bool border_clean = true;  ///< false: ids(prompt + response) does not begin with ids(prompt)
};

/// Text to token ids.  Loads no weights.  [any-thread]
class Encoder {
public:
    virtual ~Encoder() = default;
    /// Content hash of tokenizer and chat format: a part of every cache key.
    [[nodiscard]] virtual std::string fingerprint() const = 0;
    [[nodiscard]] virtual Encoded encode(std::span<const Message> prompt,
                                         const std::string& response) const = 0;
    [[nodiscard]] virtual Ids encode_text(const std::string& text) const = 0;
    [[nodiscard]] virtual std::string decode(std::span<const int64_t> ids) const = 0;
};

/// What a forward is to return; only what an objective or a metric reads is computed.
struct Wanted {
    bool score = false;        ///< [N] the reward head on the last response token
    bool logp = false;         ///< [N] summed response log-probabilities, nats, and tok_logp [T]
    bool prompt_logp = false;  ///< [N] the same of the prompt's tokens but its first
    bool token_stats = false;  ///< [T] tok_entropy and tok_log_p2; with logp only
};

/// Results of one forward over the candidates of the given groups, in order.  Undefined unless
/// wanted.
struct Scored;

/// One trainable tensor.  `value` is a leaf that requires grad; its gradient accumulates in
/// value.grad().
struct Parameter;

/// A model that scores candidates.  [one thread at a time]
class LanguageModel {
public:
    virtual ~LanguageModel() = default;
    /// Tokens that the forest of this group stores and computes (every shared token once).
    [[nodiscard]] virtual int64_t tree_tokens(const Group& group) const = 0;
    /// One micro-batch: whole groups, one forest, no padding.  Records a graph when grad mode is
    /// on.
    [[nodiscard]] virtual Scored forward(std::span<const Group* const> groups, Wanted wanted) = 0;
    /// All trainable tensors in a fixed order; the same objects for the model's life.
    [[nodiscard]] virtual std::vector<Parameter>& parameters() = 0;
    /// SHA-256 over names and bytes of all parameters and what the forward depends on beside them.
    [[nodiscard]] virtual std::string fingerprint() const = 0;
    /// Writes a Hugging Face folder (config.json, model.safetensors, tokenizer files) into the
    /// existing folder.
    virtual void save(const std::string& folder) const = 0;
    /// Facts for the run's environment record: architecture, parameter count, whether the head is
    /// new, fp32 route.
    [[nodiscard]] virtual std::map<std::string, std::string> facts() const = 0;
};

/// What is asked of a model when it is opened.
struct ModelRequest {
    std::string path;               ///< a Hugging Face folder
    std::string dtype = "float32";  ///< compute type: float32 | float64 (checks)
    std::string device = "cpu";
    bool score_head = false;  ///< reward: the folder's head, otherwise drawn from `seed`
    uint64_t seed = 0;
    std::string chat = "auto";  ///< auto | always | never
};

/// The lm library's two doors (host/lm/lm.cpp).  Throw Error with Code::config, corrupt or io.
std::unique_ptr<Encoder> open_encoder(const ModelRequest& request);
std::unique_ptr<LanguageModel> open_model(const ModelRequest& request);

}  // namespace samara::host
