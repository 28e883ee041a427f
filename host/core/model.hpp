// The one place where core and lm meet: what a preference trainer needs to know of a language
// model. lm/ implements it for Hugging Face folders; core/ uses nothing else of a model.
#pragma once
#include "runtime/records.hpp"

#include <cstdint>
#include <functional>
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
    /// Tokens that end a response: the end of a turn in the chat format or, for plain text, the
    /// tokenizer's eos token, and those that config.json and generation_config.json name.
    /// Ascending.
    [[nodiscard]] virtual Ids end_ids() const = 0;
};

/// What a forward is to return; only what an objective or a metric reads is computed.
struct Wanted {
    bool score = false;        ///< [N] the reward head on the last response token
    bool logp = false;         ///< [N] summed response log-probabilities, nats, and tok_logp [T]
    bool prompt_logp = false;  ///< [N] the same of the prompt's tokens but its first
    bool token_stats = false;  ///< [T] tok_entropy and tok_log_p2; with logp only
    bool values = false;       ///< [T] the score head before each response token: a critic's value
};

/// Results of one forward over the candidates of the given groups, in order.  Undefined unless
/// wanted.
struct Scored;

/// One trainable tensor.  `value` is a leaf that requires grad; its gradient accumulates in
/// value.grad().
struct Parameter;

/// A prompt to be answered.
struct Prompt {
    Ids ids;              ///< at least one
    uint64_t stream = 0;  ///< its sample k depends on (seed, stream, k) and on nothing beside it
    std::string where;    ///< "file:line", for messages; empty: its index is named
};

/// How responses are drawn: logits / temperature, then top_k, then top_p, in transformers' order.
struct Sampling {
    int64_t samples = 1;  ///< responses of each prompt
    int64_t max_new_tokens = 256;
    double temperature = 1;  ///< 0: greedy, the most probable token, the smallest id of equals
    int64_t top_k = 0;       ///< the k most probable tokens and those equal to the last; 0: all
    double top_p = 1;        ///< the fewest most probable tokens that reach this share, (0, 1]
    Ids stop_ids;            ///< a response ends with the first of these
    uint64_t seed = 0;
    int64_t batch = 32;  ///< samples decoded together, at most
    int64_t cache_bytes = int64_t{1}
                          << 30;  ///< of keys and values, at most; one sample always runs
};

/// One response.
struct Sampled {
    Ids ids;                   ///< the stop token included
    std::vector<double> logp;  ///< of each id at temperature 1 without top_k and top_p, nats: what
                               ///< forward()'s tok_logp is for the same candidate
    bool stopped = false;      ///< by a stop id or by `ends`; false: max_new_tokens are reached
};

struct Generated {
    std::vector<Sampled> samples;  ///< [prompts * samples per prompt], prompt by prompt
    int64_t prompt_tokens = 0;     ///< computed; a prompt counts once, whatever its samples
    int64_t steps = 0;             ///< decoding steps, each over the samples under way
};

/// What a caller may want to hear of a generation.  Called on the caller's thread; any may be
/// empty.
struct GenerateHooks {
    std::function<bool()> cancelled;  ///< true: stop with Error(Code::preempted)
    /// True for ids so far: the response ends here.
    std::function<bool(std::span<const int64_t> ids)> ends;
    /// Finished samples in the order of Generated::samples, each as soon as all before it are.
    std::function<void(size_t index, const Sampled& sample)> done;
};

/// A model that scores candidates.  [one thread at a time]
class LanguageModel {
public:
    virtual ~LanguageModel() = default;
    /// Tokens that the forest of this group stores and computes (every shared token once).
    [[nodiscard]] virtual int64_t tree_tokens(const Group& group) const = 0;
    /// One micro-batch: whole groups, one forest, no padding.  Records a graph when grad mode is
    /// on.
    [[nodiscard]] virtual Scored forward(std::span<const Group* const> groups, Wanted wanted) = 0;
    /// Draws responses, `sampling.samples` for each prompt.  On the CPU in float32 a sample is the
    /// same, byte for byte, whatever the other prompts, their order, batch, cache and threads.
    /// Errors  config: sampling out of range, a reward model; data: an empty prompt, an id outside
    ///         the vocabulary, prompt and max_new_tokens beyond max_position_embeddings;
    ///         non_finite: logits; preempted: cancelled
    [[nodiscard]] virtual Generated generate(std::span<const Prompt> prompts,
                                             const Sampling& sampling,
                                             const GenerateHooks& hooks) = 0;
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
