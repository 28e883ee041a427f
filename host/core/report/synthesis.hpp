// What was synthesised, in numbers: how relations follow from the instructions of their candidates,
// counts per type, tag, condition and pattern, balance, and a probe for leaks.  Pure functions of
// groups; prepare() keeps the counts with the cache, `samara synth` and the run report show them.
#pragma once
#include "runtime/records.hpp"

#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// One instruction of a candidate.
struct Asked {
    std::string id, kwargs, text;  ///< text empty: the record's own demand, not an added one
    bool negated = false, truth = false;
    /// The opposite of the type's plain form: negated, or "less than".
    [[nodiscard]] bool opposite() const;
};
/// Candidate::instructions, parsed; none for candidates without a response (nothing is true of
/// them).  `judged`: each says its truth; sampled responses have none yet, and it is false.
/// Throws Error(Code::plugin_fault) naming `where` when it is not in the form that the SDK says.
std::vector<Asked> asked_of(const Candidate& candidate,
                            const std::string& where,
                            bool judged = true);
/// The same for every candidate of a group.
std::vector<std::vector<Asked>> asked_of(const Group& group);

/// What a relation says in terms of added instructions; the record's own stand on both sides.
struct RelationReading {
    /// "prompts" (one response, two prompts), "responses" (one prompt), "widen", "narrow",
    /// "neutral", "two" (contrasts); empty when no candidate has added instructions.
    std::string pattern;
    /// Of MAPL: "a", "b", "a and b"; "more" when only the number of satisfied ones is greater,
    /// "equal", "none" when the truths do not bear the relation out.
    std::string condition;
    std::string truths;    ///< satisfied of asked, better side first: "2/2 > 0/2"
    bool placebo = false;  ///< its order was drawn by a coin: it claims nothing
    [[nodiscard]] bool holds() const { return placebo || pattern.empty() || condition != "none"; }
};
RelationReading read_relation(const Group& group,
                              const Relation& relation,
                              const std::vector<std::vector<Asked>>& asked);

/// Counts of groups that come one by one.
class SynthesisCounts {
public:
    SynthesisCounts();
    ~SynthesisCounts();
    void add(const Group& group);
    /// JSON text: {"types", "tags", "truths", "lengths", "discarded"}; "{}" where no candidate has
    /// instructions.
    [[nodiscard]] std::string text() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};
/// The same for people, as tables; empty for "{}".
std::string synthesis_text(const std::string& counts);

/// Does the text of an instruction tell its truth?  Per type, over relations that compare prompts.
struct Leak {
    std::string type;
    int64_t draws = 0;
    double auc = 0.5, error = 0;  ///< area under the ROC curve, and its standard error under 0.5
};
/// Logistic regression on direction, log(1 + number), their products and hashed word 1- to
/// 3-grams, out of fold by record (five folds), on the first 20,000 draws of a type.  Types with
/// fewer than 20 draws of either truth give no line.
class LeakProbe {
public:
    LeakProbe();
    ~LeakProbe();
    void add(const Group& group);
    [[nodiscard]] std::vector<Leak> leaks() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace samara::host
