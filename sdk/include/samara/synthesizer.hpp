// synthesizer.hpp - a class becomes a synthesizer plugin: preference records in, groups of
// candidates and relations out.  Group, Candidate and Relation own their texts, so building one is
// plain C++.
//
//   struct Pairs {
//       static constexpr const char* tags[] = {"base"};
//       void synthesize(const samara::Dataset& data, int64_t first, int64_t last, uint64_t,
//                       samara::Sink& sink) {
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
//
// Order    describe (tags) once, when the run is set up; then synthesize for the data sets, range
//          after range.  What comes out is tokenised and cached: with the same data, seed, plugin
//          file, version and parameters the next run does not synthesize at all.
// Meaning  A relation's tag says which kind of comparison it is.  Objectives choose and weigh tags,
//          metrics are reported per tag, so one synthesizer's tags are its public interface.
// Source   Intra- and inter-sample relations: MAPL, arXiv 2505.12845.
#pragma once
#include "instruction.hpp"

namespace samara {

/// A (prompt, response) that gets a score.  The host merges candidates with equal prompt and
/// response of one record, those of other synthesizers too: an empty tag or instructions and a
/// label 0 give way, auxiliary stays only if both say so; two different weights, labels, tags or
/// instructions are a fault that names the record.
///
/// Text (prompt, response) or ids (prompt_ids, response_ids), never both, never neither.  A
/// response that comes to no tokens at all is an error of the data (exit code 3).
struct Candidate {
    Messages prompt;                      ///< UTF-8, as every text here
    std::optional<std::string> response;  ///< absent: prompt only, rolled out, never trained on
    std::vector<int64_t> prompt_ids,
        response_ids;        ///< instead of the texts, for rows that came tokenised
    int64_t label = 0;       ///< 1 desirable, -1 undesirable, 0 unknown
    bool auxiliary = false;  ///< scored, but in no default loss (KTO's KL pairs)
    double weight = 1.0;     ///< for losses per candidate or token; >= 0, finite
    std::string tag;         ///< for losses per candidate or token; may be empty
    /// JSON array of {"id", "kwargs", "negated", "text", "truth"} of what the prompt asks for, or
    /// empty: kwargs an object, negated and truth bools; truth is the strict verdict on this
    /// response.  Kept as it is, for reports and verifiable rewards; `samara synth --verify` judges
    /// every stored truth again.
    std::string instructions;
};

/// Order 1: candidate i is preferred to j.  Order 2: the gap of (i, j) exceeds the gap of (k, l).
/// With s the score:  order 1 wants s_i - s_j > 0,  order 2 wants (s_i - s_j) - (s_k - s_l) > 0, by
/// at least `margin`.  k and l are -1 at order 1.  i == j at order 1 is refused; a gap against
/// itself at order 2 says nothing, is dropped and counted.
struct Relation {
    int64_t order = 1;
    int64_t i = -1, j = -1, k = -1, l = -1;  ///< indices into the group's candidates
    double weight = 1.0;                     ///< >= 0, finite; the host applies it
    double margin = 0.0;                     ///< the gap is to exceed it; finite
    /// Probability that the order is the reverse, in [0, 1]; 0.5 is a tie, which has no right
    /// answer and is left out of accuracies.
    double flip = 0.0;
    std::string tag;  ///< one of the class's tags; not empty
};

/// Candidates and relations that stem from one record, at least one candidate.  The host joins all
/// groups of a record, whoever made them, into one, whose candidates share their prefixes in the
/// forward pass: another candidate costs only the tokens that it does not share.
struct Group {
    /// `record_index`: Record::index(), in [first, last) of the call.
    explicit Group(int64_t record_index) : record(record_index) {}

    int64_t record;  ///< index of the record
    std::vector<Candidate> candidates;
    std::vector<Relation> relations;
    std::vector<std::pair<std::string, std::string>> notes;  ///< for people: "condition" -> "a"

    /// Adds a candidate; returns its index.  Adding an equal one twice is no mistake: the host
    /// makes one of them.
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
    /// The same for a row that came tokenised: ids in the model's own vocabulary.
    int64_t add_ids(std::span<const int64_t> prompt, std::span<const int64_t> response) {
        Candidate c;
        c.prompt_ids.assign(prompt.begin(), prompt.end());
        c.response_ids.assign(response.begin(), response.end());
        return add(std::move(c));
    }
    /// "i is better than j".  The result may be changed further until the next relation is added:
    ///     group.prefer(i, j, "base").weight = record.weight();
    Relation& prefer(int64_t i, int64_t j, std::string tag) {
        return relations.emplace_back(Relation{1, i, j, -1, -1, 1.0, 0.0, 0.0, std::move(tag)});
    }
    /// "i beats j by more than k beats l".
    Relation& contrast(int64_t i, int64_t j, int64_t k, int64_t l, std::string tag) {
        return relations.emplace_back(Relation{2, i, j, k, l, 1.0, 0.0, 0.0, std::move(tag)});
    }
};

/// Where groups go.  Groups come in the order of their records; a record may have several or none.
/// Lives for one synthesize call; same thread as the call.
class Sink {
public:
    /// Made by the adapter.
    explicit Sink(const samara_sink& sink) : sink_(&sink) {}

    /// Hands over one group; the host copies it, so `group` may be used again.  Fails the call, and
    /// the run, with the record and the rule in the message: a record outside [first, last) or
    /// before the last one emitted, no candidates, an index outside the group, a number not finite
    /// or out of its range, a tag that the class does not list, text that is not UTF-8.
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
    /// reported, so a reason is a fixed sentence without numbers: "no unpaired response".  A record
    /// outside [first, last) or an empty reason is a fault, found when the call returns.  A record
    /// without group and without skip is legal, but nobody learns why it is missing.
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
///            may emit, distinct and not empty; the array lives as long as the object.
/// Needs      `static constexpr bool needs_text` (default true: it cannot use tokenised rows) and
///            `needs_pairs` (default true: it cannot use unpaired rows).  What it says of itself:
///            such rows come all the same, so test for them and skip().
/// Synthesize `void synthesize(const Dataset&, int64_t first, int64_t last, uint64_t seed, Sink&)`:
///            emit the groups of records [first, last), in order.  What is emitted for a record may
///            depend on the whole data set, seed and parameters, never on first, last, threads or
///            earlier calls: the host cuts the range as it likes, and an empty one is legal.  Ask
///            stop_if_cancelled() now and then.
/// Seed       one for all ranges and data sets of a run, another for every plugin id.
/// Random     samara::Random from the seed only, one stream per record.
/// State      none: what is kept from call to call may only save work (an index of the data set).
/// Asks       class Instructions (instruction.hpp) for the run's verifiable instructions.
/// Threads    one call at a time on one object; parallel_for may read the data set, the sink and
///            Instructions stay in the thread of the call.
/// Errors     fail() ends the run; a row that cannot be used is a skip, not a failure.
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

/// The descriptor of synthesizer T, for SAMARA_PLUGINS.
template <class T>
constexpr samara_plugin synthesizer(const About& about) {
    return describe_plugin<T>(about, "synthesizer/1", &SynthesizerAdapter<T>::table);
}

}  // namespace samara
