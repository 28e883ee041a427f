// The loop of text generation; see generate.hpp.  A prompt is computed once and its keys and values
// are read by all its samples; a slot whose sample has ended takes the next sample at once.
#include "lm/model/generate.hpp"

#include "lm/model/sample.hpp"
#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace samara::host {
namespace {

/// Prompt tokens computed together: their rows stay in the second-level cache beside the weights.
constexpr int64_t kPrefill = 64;

/// A prompt whose samples are under way.
struct Source {
    Cache cache;
    std::vector<Drawn> first;  ///< first token of every sample
    int64_t open = 0;          ///< samples that have not ended
};

struct Slot {
    Cache cache;
    int64_t sample = -1;  ///< index into Generated::samples; -1: free
};

class Generation {
public:
    Generation(Engine& engine,
               std::span<const Prompt> prompts,
               const Sampling& sampling,
               const GenerateHooks& hooks)
        : engine_(engine), prompts_(prompts), sampling_(sampling), hooks_(hooks) {
        sources_.resize(prompts.size());
        result_.samples.resize(prompts.size() * static_cast<size_t>(sampling.samples));
        ended_.resize(result_.samples.size());
    }

    Generated run() {
        make_slots();
        while (true) {
            check_cancelled();
            while (next_ < total() && start_next()) {
            }
            const std::vector<Slot*> busy = busy_slots();
            if (busy.empty())
                return std::move(result_);
            step(busy);
        }
    }

private:
    [[nodiscard]] int64_t total() const { return static_cast<int64_t>(result_.samples.size()); }
    [[nodiscard]] int64_t prompt_of(int64_t sample) const { return sample / sampling_.samples; }

    void check_cancelled() const {
        if (hooks_.cancelled && hooks_.cancelled())
            throw Error(Code::preempted, "stopped while generating", "", "run again");
    }

    /// As many slots as half the budget holds; prompts share the rest.
    void make_slots() {
        int64_t count = std::min(sampling_.batch, total());
        for (int64_t i = 0; i < count; ++i) {
            slots_.push_back({engine_.make_cache(sampling_.max_new_tokens - 1)});
            const int64_t bytes = slots_.front().cache.bytes();
            if (i == 0 && bytes > 0)
                count = std::clamp<int64_t>(sampling_.cache_bytes / 2 / bytes, 1, count);
            left_ -= bytes;
        }
        left_ += sampling_.cache_bytes;
    }

    [[nodiscard]] std::vector<Slot*> busy_slots() {
        std::vector<Slot*> busy;
        for (Slot& slot : slots_)
            if (slot.sample >= 0)
                busy.push_back(&slot);
        return busy;
    }

    /// False: the next sample has to wait for a slot, or its prompt for memory.
    bool start_next() {
        const auto slot = std::find_if(
            slots_.begin(), slots_.end(), [](const Slot& one) { return one.sample < 0; });
        Source& source = sources_[prompt_of(next_)];
        if (slot == slots_.end() || (source.first.empty() && !open(prompt_of(next_))))
            return false;
        const int64_t sample = next_++;
        if (!accept(sample, source.first[sample % sampling_.samples])) {
            slot->sample = sample;
            slot->cache.size = 0;
        }
        return true;
    }

    /// Computes a prompt and draws the first token of all its samples.
    bool open(int64_t prompt) {
        check_cancelled();  // many prompts may be computed before the next step
        Source& source = sources_[prompt];
        const std::span<const int64_t> ids = prompts_[prompt].ids;
        const auto n = static_cast<int64_t>(ids.size());
        if (open_ > 0 && bytes_per_token_ * n > left_)
            return false;
        source.cache = engine_.make_cache(n);
        bytes_per_token_ = source.cache.bytes() / source.cache.capacity;
        left_ -= source.cache.bytes();
        ++open_;
        source.open = sampling_.samples;
        result_.prompt_tokens += n;
        at::Tensor logits;
        for (int64_t begin = 0; begin < n; begin += kPrefill) {
            const int64_t size = std::min(kPrefill, n - begin);
            const Run run{nullptr, &source.cache, ids.subspan(begin, size)};
            logits = engine_.advance({&run, 1}, begin + size == n);
        }
        source.first.resize(sampling_.samples);
        draw(
            source.first,
            [&](int64_t k) { return std::pair(int64_t{0}, prompt * sampling_.samples + k); },
            logits);
        return true;
    }

    /// Draws tokens in parallel; place(i) is the row of logits and the sample of draw i.
    template <class Place>
    void draw(std::vector<Drawn>& drawn, const Place& place, const at::Tensor& logits) const {
        const int64_t v = logits.size(1);
        at::parallel_for(0, static_cast<int64_t>(drawn.size()), 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const auto [row, sample] = place(i);
                drawn[i] = draw_token(
                    logits.const_data_ptr<float>() + row * v, v, sampling_, uniform(sample));
            }
        });
    }

    /// The random number of a sample's next token, in [0, 1).
    [[nodiscard]] double uniform(int64_t sample) const {
        const auto k = static_cast<uint64_t>(sample % sampling_.samples);
        const uint64_t prompt =
            derive_seed(sampling_.seed, "generate", prompts_[prompt_of(sample)].stream);
        const uint64_t word =
            random_word(derive_seed(prompt, "sample", k), result_.samples[sample].ids.size());
        return static_cast<double>(word >> 11) * 0x1p-53;
    }

    /// Appends a token to a sample; true if the sample has ended.
    bool accept(int64_t index, const Drawn& drawn) {
        Sampled& sample = result_.samples[index];
        sample.ids.push_back(drawn.id);
        sample.logp.push_back(drawn.logp);
        const Ids& stops = sampling_.stop_ids;
        sample.stopped = std::find(stops.begin(), stops.end(), drawn.id) != stops.end() ||
                         (hooks_.ends && hooks_.ends(sample.ids));
        if (!sample.stopped && static_cast<int64_t>(sample.ids.size()) < sampling_.max_new_tokens)
            return false;
        Source& source = sources_[prompt_of(index)];
        if (--source.open == 0) {
            left_ += source.cache.bytes();
            source.cache = {};
            --open_;
        }
        ended_[index] = true;
        for (; told_ < total() && ended_[told_]; ++told_)
            if (hooks_.done)
                hooks_.done(told_, result_.samples[told_]);
        return true;
    }

    void step(const std::vector<Slot*>& busy) {
        std::vector<Run> runs;
        for (Slot* slot : busy)
            runs.push_back({&sources_[prompt_of(slot->sample)].cache,
                            &slot->cache,
                            std::span(result_.samples[slot->sample].ids).last(1)});
        const at::Tensor logits = engine_.advance(runs, true);
        ++result_.steps;
        std::vector<Drawn> drawn(busy.size());
        draw(
            drawn, [&](int64_t i) { return std::pair(i, busy[i]->sample); }, logits);
        for (size_t i = 0; i < busy.size(); ++i)
            if (accept(busy[i]->sample, drawn[i]))
                busy[i]->sample = -1;
    }

    Engine& engine_;
    std::span<const Prompt> prompts_;
    const Sampling& sampling_;
    const GenerateHooks& hooks_;
    Generated result_;
    std::vector<Source> sources_;
    std::vector<Slot> slots_;
    std::vector<bool> ended_;
    int64_t next_ = 0, told_ = 0;  ///< samples started, samples told to `done`
    int64_t open_ = 0;             ///< prompts under way
    int64_t left_ = 0, bytes_per_token_ = 0;
};

void check_sampling(const Sampling& s) {
    const auto refuse = [](const std::string& what) {
        throw Error(Code::config, what, "sampling");
    };
    if (s.samples < 1)
        refuse("samples is " + std::to_string(s.samples) + "; expected at least 1");
    if (s.max_new_tokens < 1)
        refuse("max_new_tokens is " + std::to_string(s.max_new_tokens) + "; expected at least 1");
    if (!(s.temperature >= 0) || !(s.temperature < 1e6))
        refuse("temperature is " + std::to_string(s.temperature) + "; expected 0 (greedy) or more");
    if (s.top_k < 0)
        refuse("top_k is " + std::to_string(s.top_k) + "; expected 0 (all tokens) or more");
    if (!(s.top_p > 0) || s.top_p > 1)
        refuse("top_p is " + std::to_string(s.top_p) + "; expected a share in (0, 1]");
    if (s.batch < 1)
        refuse("batch is " + std::to_string(s.batch) + "; expected at least 1");
}

void check_prompt(const Prompt& prompt,
                  const std::string& name,
                  const ModelConfig& config,
                  int64_t new_tokens) {
    const std::string& where = prompt.where;
    const auto size = static_cast<int64_t>(prompt.ids.size());
    if (prompt.ids.empty())
        throw Error(Code::data,
                    name + " has no tokens: its first response token has no predecessor",
                    where,
                    "give a prompt, or a tokenizer that begins with a bos token");
    for (const int64_t id : prompt.ids)
        if (id < 0 || id >= config.vocabulary)
            throw Error(Code::data,
                        name + ": token id " + std::to_string(id) +
                            " is outside the model's vocabulary of " +
                            std::to_string(config.vocabulary),
                        where,
                        "the data was tokenised for another model");
    const auto stated = config.json.find("max_position_embeddings");
    const bool limited = stated != config.json.end() && stated->is_number_integer();
    const int64_t positions = limited ? stated->get<int64_t>() : 0;
    if (positions > 0 && size + new_tokens > positions)
        throw Error(Code::data,
                    name + " of " + std::to_string(size) +
                        " tokens and max_new_tokens = " + std::to_string(new_tokens) +
                        " do not fit into max_position_embeddings = " + std::to_string(positions),
                    where,
                    "shorten the prompt or lower max_new_tokens");
}

}  // namespace

Generated generate(Weights& weights,
                   Route route,
                   const std::string& where,
                   std::span<const Prompt> prompts,
                   const Sampling& sampling,
                   const GenerateHooks& hooks) {
    const at::NoGradGuard no_grad;
    if (weights.score.defined())
        throw Error(Code::config, "a reward model has no language-model head", where);
    check_sampling(sampling);
    for (size_t i = 0; i < prompts.size(); ++i)
        check_prompt(prompts[i],
                     prompts[i].where.empty() ? "prompt " + std::to_string(i) : "the prompt",
                     weights.config,
                     sampling.max_new_tokens);
    const std::unique_ptr<Engine> engine =
        route == Route::fused ? make_fused_engine(weights) : make_plain_engine(weights);
    return Generation(*engine, prompts, sampling, hooks).run();
}

}  // namespace samara::host
