// From truth patterns to prompts: solves, phrases and re-verifies the instructions of one prompt,
// and counts what cannot be had.  Shared by mapl_intra and mapl_inter; which patterns and which
// relations is theirs.
#pragma once
#include "join.hpp"
#include "patterns.hpp"
#include "type_pool.hpp"

#include <samara/row_instructions.hpp>
#include <samara/synthesizer.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace samara::mapl {

/// Parameters that both synthesizers have (declared in their `params`).
struct Settings {
    explicit Settings(const Params& params);

    int64_t count_low, count_high;  ///< instructions per prompt, ends included, 1 to 5
    std::vector<std::string> functions, exclude;
    Rule rule;
    int64_t attempts;  ///< draws before a record (intra: an end) is given up
    Wordings wordings;
    bool negation;  ///< opposites are asked for, too
    Joining joining;
    bool permuted;  ///< placebo: a coin decides the order of every relation
    double weight;  ///< factor on the record's weight

    /// The types that this run offers under these settings.  Fails the call when fewer than
    /// `count_high` without a conflict remain.
    TypePool pool(const Instructions& instructions) const;
    /// The same as a check at creation: does nothing while the host offers no types yet.
    void check_types() const;
};

/// One demanded truth: `response` satisfies instruction i exactly if bit i of `truths` is set.
struct Wanted {
    std::string_view response;
    Mask truths = 0;
};

/// Verifiable instructions that the record's prompt came with, in IFEval's form (row fields
/// instruction_id_list and kwargs).  They stand in every prompt of the record: a type that
/// conflicts with one of them is not drawn, and every candidate says what its response makes of
/// them, with an empty text.
struct Carried {
    std::vector<std::string> ids;     ///< all, types that no library of the run has included
    std::vector<Solution> arguments;  ///< by id; kwargs empty where no library has the type
    TypePool::Barred barred;
    const char* problem = nullptr;  ///< why the record cannot be used; a fixed sentence
};

/// A prompt with instructions joined to it.
struct Prompt {
    Messages messages;
    /// JSON for Candidate::instructions, one per Wanted, in their order.
    std::vector<std::string> instructions;
};

/// Failed draws by cause and type ("infeasible", "keywords:existence"), and how many draws there
/// were.
struct Tally {
    int64_t draws = 0;
    std::map<std::pair<std::string, std::string>, int64_t> failed;
    /// One line for the log; empty when nothing was drawn.
    std::string summary() const;
};

/// Makes prompts for the records of one call.  Everything depends on its arguments and on `random`
/// alone.
class Drafter {
public:
    Drafter(const Dataset& data, const Settings& settings)
        : data_(&data), settings_(&settings), pool_(settings.pool(instructions_)) {}

    const TypePool& pool() const { return pool_; }
    /// What the record asks for by itself; forgets what the record before it discarded.
    Carried begin(const Record& record, int k);
    /// Candidate::instructions of the record's own prompt with this response.
    std::string own_instructions(const Carried& carried,
                                 const Messages& prompt,
                                 std::string_view response) const;
    /// "infeasible keywords:existence 2": draws of this record that failed, by cause and type.
    std::string discarded() const;
    Tally& tally() { return tally_; }
    /// "cause: type" of the last prompt that could not be made.
    const std::string& last_failure() const { return last_failure_; }

    /// Instructions of the given types (positions in pool()) under which every wanted truth holds,
    /// appended to `prompt` in random order.  Nothing, and a count, when one cannot be solved or
    /// does not verify.
    std::optional<Prompt> make(const Messages& prompt,
                               const Carried& carried,
                               std::span<const size_t> types,
                               std::span<const Wanted> wanted,
                               Random& random);

private:
    struct Instruction {
        size_t type;  // position in `types`: its bit in the masks
        std::string id;
        Solution arguments;
        std::string text;
    };
    void failed(const char* cause, const std::string& id);
    Json judged(const Carried& carried, const Messages& prompt, std::string_view response) const;
    std::optional<Solution> solve(size_t type,
                                  const Messages& prompt,
                                  std::span<const Demand> demands,
                                  Random& random);
    bool verify(const Prompt& prompt,
                std::span<const Instruction> list,
                std::span<const Wanted> wanted);

    const Dataset* data_;
    const Settings* settings_;
    Instructions instructions_;
    TypePool pool_;
    Tally tally_;
    std::map<std::string, int64_t> discarded_;
    std::string last_failure_;
};

}  // namespace samara::mapl
