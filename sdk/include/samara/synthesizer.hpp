// synthesizer.hpp - a class becomes a synthesizer plugin: preference records in, groups of
// candidates and relations out.  Group, Candidate and Relation own their texts, so building one is
// plain C++.
//
//   struct Pairs {
//       static constexpr const char* tags[] = {"base"};
//       void synthesize(const samara::Dataset& data, int64_t first, int64_t last, uint64_t,
//       samara::Sink& sink) {
//           for (int64_t r = first; r < last; ++r) {
//               const samara::Record record = data[r];
//               samara::Group group(r);
//               const int64_t i = group.add(record.prompt(), *record.chosen());
//               const int64_t j = group.add(record.prompt(), *record.rejected());
//               group.prefer(i, j, "base");
//               sink.emit(group);
//           }
//       }
//   };
#pragma once
#include "instruction.hpp"

namespace samara {

/// A (prompt, response) that gets a score.  The host merges candidates with equal prompt and
/// response.
struct Candidate {
    Messages prompt;
    std::optional<std::string> response;  ///< absent: prompt only, rolled out, never trained on
    std::vector<int64_t> prompt_ids,
        response_ids;        ///< instead of the texts, for rows that came tokenised
    int64_t label = 0;       ///< 1 desirable, -1 undesirable, 0 unknown
    bool auxiliary = false;  ///< scored, but in no default loss (KTO's KL pairs)
    double weight = 1.0;     ///< for losses per candidate or token; >= 0
    std::string tag;         ///< for losses per candidate or token; may be empty
    /// JSON array of {"id", "kwargs", "negated", "text", "truth"} of what the prompt asks for, or
    /// empty.
    std::string instructions;
};

/// Order 1: candidate i is preferred to j.  Order 2: the gap of (i, j) exceeds the gap of (k, l).
struct Relation {
    int64_t order = 1;
    int64_t i = -1, j = -1, k = -1, l = -1;  ///< indices into the group's candidates
    double weight = 1.0;                     ///< >= 0, finite
    double margin = 0.0;                     ///< the gap is to exceed it; finite
    double flip = 0.0;  ///< probability that the order is the reverse, in [0, 1]
    std::string tag;    ///< one of the class's tags
};

/// Candidates and relations that stem from one record.
struct Group {
    explicit Group(int64_t record_index) : record(record_index) {}

    int64_t record;  ///< index of the record
    std::vector<Candidate> candidates;
    std::vector<Relation> relations;
    std::vector<std::pair<std::string, std::string>> notes;  ///< for people: "condition" -> "a"

    /// Adds a candidate; returns its index.
    int64_t add(Candidate candidate) {
        candidates.push_back(std::move(candidate));
        return static_cast<int64_t>(candidates.size()) - 1;
    }
    int64_t add(Messages prompt, std::string_view response) {
        Candidate c;
        c.prompt = std::move(prompt);
        c.response = std::string(response);
        return add(std::move(c));
    }
    int64_t add_ids(std::span<const int64_t> prompt, std::span<const int64_t> response) {
        Candidate c;
        c.prompt_ids.assign(prompt.begin(), prompt.end());
        c.response_ids.assign(response.begin(), response.end());
        return add(std::move(c));
    }
    /// "i is better than j".  The result may be changed further until the next relation is added.
    Relation& prefer(int64_t i, int64_t j, std::string tag) {
        return relations.emplace_back(Relation{1, i, j, -1, -1, 1.0, 0.0, 0.0, std::move(tag)});
    }
    /// "i beats j by more than k beats l".
    Relation& contrast(int64_t i, int64_t j, int64_t k, int64_t l, std::string tag) {
        return relations.emplace_back(Relation{2, i, j, k, l, 1.0, 0.0, 0.0, std::move(tag)});
    }
};

/// Where groups go.  Groups come in the order of their records; a record may have several or none.
class Sink {
public:
    explicit Sink(const samara_sink& sink) : sink_(&sink) {}

    /// Hands over one group; the host copies it.  Fails the call when an index, a number or the
    /// order is wrong.
    void emit(const Group& group) {
        prompts_.clear();
        for (const Candidate& c : group.candidates) { prompts_.push_back(borrow(c.prompt)); }
        candidates_.clear();
        for (size_t n = 0; n < group.candidates.size(); ++n) {
            const Candidate& c = group.candidates[n];
            candidates_.push_back({prompts_[n].data(), static_cast<int64_t>(prompts_[n].size()),
                                   c.response ? text_of(*c.response) : samara_str{nullptr, 0},
                                   ids(c.prompt_ids), ids(c.response_ids), c.label,
                                   c.auxiliary ? 1 : 0, c.weight, text(c.tag),
                                   text(c.instructions)});
        }
        relations_.clear();
        for (const Relation& r : group.relations) {
            relations_.push_back(
                {r.order, r.i, r.j, r.k, r.l, r.weight, r.margin, r.flip, text(r.tag)});
        }
        notes_.clear();
        for (const auto& [key, value] : group.notes) { notes_.push_back({text(key), text(value)}); }
        const samara_group out = {sizeof(samara_group), group.record,
                                  candidates_.data(),   static_cast<int64_t>(candidates_.size()),
                                  relations_.data(),    static_cast<int64_t>(relations_.size()),
                                  notes_.data(),        static_cast<int64_t>(notes_.size())};
        check(sink_->emit(sink_->ctx, &out));
    }

    /// Says that a record (or a part of it) gives nothing, and why.  Counted by reason and
    /// reported, so a reason is a fixed sentence without numbers: "no unpaired response".
    void skip(int64_t record, std::string_view reason) {
        sink_->skip(sink_->ctx, record, text(reason));
    }

private:
    // An empty response is a response, and its pointer must not be NULL.
    static samara_str text_of(const std::string& s) {
        return {s.c_str(), static_cast<int64_t>(s.size())};
    }
    static samara_ids ids(const std::vector<int64_t>& v) {
        return {v.empty() ? nullptr : v.data(), static_cast<int64_t>(v.size())};
    }
    const samara_sink* sink_;
    std::vector<std::vector<samara_message>> prompts_;  // kept between groups to save allocations
    std::vector<samara_candidate> candidates_;
    std::vector<samara_relation> relations_;
    std::vector<samara_pair> notes_;
};

/// What class T has.
///
/// Tags       `static constexpr const char* tags[]`, or `tags()` that returns a span: every tag it
///            may emit.
/// Needs      `static constexpr bool needs_text` (default true: tokenised rows are refused)
///            and `needs_pairs` (default true: unpaired rows are refused).
/// Synthesize `void synthesize(const Dataset&, int64_t first, int64_t last, uint64_t seed, Sink&)`:
///            emit the groups of records [first, last), in order.  What is emitted for a record may
///            depend on the whole data set, seed and parameters, never on first, last, threads or
///            earlier calls: the host cuts the range as it likes.  Ask stop_if_cancelled() now and
///            then.
/// Random     samara::Random from the seed only.
/// Threads    one call at a time on one object.
template <class T>
struct SynthesizerAdapter {
    static int64_t describe(void* self, samara_call* call, samara_synthesizer_info* out) {
        return enter<T>(self, call, [&](const T& object) {
            std::span<const char* const> tags;
            if constexpr (requires { object.tags(); }) {
                tags = object.tags();
            } else {
                tags = {std::data(T::tags), std::size(T::tags)};
            }
            out->tags = tags.data();
            out->n_tags = static_cast<int64_t>(tags.size());
            out->needs_text = 1;
            out->needs_pairs = 1;
            if constexpr (requires { T::needs_text; }) { out->needs_text = T::needs_text ? 1 : 0; }
            if constexpr (requires { T::needs_pairs; }) {
                out->needs_pairs = T::needs_pairs ? 1 : 0;
            }
        });
    }
    static int64_t synthesize(void* self, samara_call* call, const samara_dataset* data,
                              int64_t first, int64_t last, uint64_t seed, const samara_sink* sink) {
        return enter<T>(self, call, [&](T& object) {
            Sink out(*sink);
            object.synthesize(Dataset(*data), first, last, seed, out);
        });
    }
    static constexpr samara_synthesizer table = {
        sizeof(samara_synthesizer), create<T>, destroy<T>, save_function<T>(),
        load_function<T>(),         describe,  synthesize};
};

/// The descriptor of synthesizer T.
template <class T>
constexpr samara_plugin synthesizer(const About& about) {
    return describe_plugin<T>(about, "synthesizer/1", &SynthesizerAdapter<T>::table);
}

}  // namespace samara
