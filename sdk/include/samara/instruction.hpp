// instruction.hpp - verifiable instructions, from both sides.
//   * instructions<T>: a class becomes a library of instruction types (check, solve, phrase),
//     MAPL's functions g.
//   * class Instructions: how a synthesizer reaches the types of every instruction library of the
//     run.
// kwargs travel as the text of a JSON object everywhere; json.hpp reads and writes it.
//
// Math      An instruction is (type, kwargs, negated), and check decides whether response y follows
//           it.  MAPL's g (arXiv 2505.12845) goes the other way: from responses and wanted truths,
//           g(type; {(y, t)}) = kwargs and polarity with strict check(y) = t for every pair, or
//           nothing.  Demanding {(chosen, true), (rejected, false)} gives an instruction that tells
//           the two apart.
// Errors    Bad kwargs and unknown ids are the input's fault: fail() with the default status ends a
//           run with exit code 3, not 5.  Any other status is a fault of the library, and ends the
//           run under its name even when a synthesizer asked.
//
//   struct Shouting {
//       static constexpr samara::InstructionType types[] = {
//           {"vendor:exclamation_marks", "The response has exactly n exclamation marks."}};
//       static int64_t count(std::string_view s) { return std::count(s.begin(), s.end(), '!'); }
//       samara::Verdict check(std::string_view, std::string_view kwargs, bool negated,
//                             std::span<const samara_message>, std::string_view response) {
//           const int64_t n = samara::Json::parse(kwargs).get_integer("n");
//           const int64_t followed = (count(response) == n) != negated;
//           return {followed, followed};
//       }
//       std::optional<samara::Solution> solve(const samara::Dataset&, std::string_view,
//                                             std::span<const samara_message>,
//                                             std::span<const samara::Demand> demands,
//                                             uint64_t seed) {
//           const int64_t n = samara::Random(seed).between(0, 3);
//           for (const samara::Demand& d : demands) {
//               if ((count(d.response) == n) != d.truth) { return std::nullopt; }
//           }
//           return samara::Solution{"{\"n\": " + std::to_string(n) + "}", false};
//       }
//       std::string phrase(std::string_view, std::string_view kwargs, bool negated,
//                          samara::Wordings, uint64_t) {
//           const int64_t n = samara::Json::parse(kwargs).get_integer("n");
//           return std::string(negated ? "Do not use" : "Use") + " exactly " + std::to_string(n) +
//                  " exclamation marks.";
//       }
//   };
//   const samara_plugin shouting =
//       samara::instructions<Shouting>({.id = "vendor.shouting", .doc = "Loudness."});
//   SAMARA_PLUGINS(&shouting)
//
// With it listed under [[instructions]], every synthesizer of the run draws from its types, `samara
// verify` judges them, and nothing of Samara is built again.
#pragma once
#include "records.hpp"

namespace samara {

/// A type of instruction: a demand on a response that a program can check, up to its arguments. The
/// texts live as long as the plugin (literals).  Ids are unique in the run: two libraries with one
/// id are refused when the run is set up.
struct InstructionType {
    const char* id;   ///< "length_constraints:number_words": "family:name", never renamed
    const char* doc;  ///< one sentence
    /// Conflicts hold in both directions, and every type conflicts with itself.
    const char* conflicts =
        "";  ///< ids that cannot be combined with it, by spaces; "*" all, "-id" but not that one
    /// solve() finds arguments for demanded truths.  Say false for every type of a class without
    /// solve(): synthesizers ask what claims to be solvable, and a refusal ends the run.
    bool can_solve = true;
    /// The opposite can be asked for, too: check, phrase and solutions may have negated = true.
    bool can_negate = true;
};

/// Judgement of one response.  1 followed, 0 not followed, -1 cannot be decided; any other number
/// is a fault.  `strict` judges the response as it is; `loose` forgives an outer line and markdown
/// stars (IFEval, arXiv 2311.07911): 1 when any of eight variants of the response passes.  A
/// library without such a notion gives the strict verdict twice.  Both already account for
/// `negated`.
struct Verdict {
    int64_t strict = -1;
    int64_t loose = -1;
};

/// Arguments that make an instruction: a JSON object and the polarity.  What a synthesizer writes
/// into Candidate::instructions, so write it the same way every time: Json::dump does.
struct Solution {
    std::string kwargs;  ///< "{\"n\": 3}"; "{}" for none
    bool negated = false;
};

/// What a solution must achieve, for one response of the data.  A synthesizer demands the truth
/// that it needs, and several demands at once tell responses apart ({chosen, true}, {rejected,
/// false}).
///
/// It holds when the strict verdict on `response` is `truth`; an undecided verdict (-1) never
/// holds.  `response` is borrowed for the call.
struct Demand {
    std::string_view response;
    bool truth;
};

/// Which wordings may be used.  A type has several; held-out evaluation uses ones that training
/// never showed.  The two sets are disjoint: a control for leaks.
enum class Wordings : int64_t { all = 0, training = 1, held_out = 2 };

/// What class T has.  Every function is pure: equal arguments give equal results, because what is
/// synthesised is cached and what is cached is verified later.
///
/// Types   `static constexpr InstructionType types[]`, or `types()` that returns a span.  Read
///         once, right after the constructor.
/// Check   `Verdict check(std::string_view id, std::string_view kwargs, bool negated,
///         std::span<const samara_message> prompt, std::string_view response)`.  Unknown ids and
///         bad kwargs: fail(), never a verdict.  kwargs come from files and from other programs:
///         expect anything.  `prompt` is what the response answers, for types that need it.
/// Solve   `std::optional<Solution> solve(const Dataset& corpus, std::string_view id,
///         std::span<const samara_message> prompt, std::span<const Demand> demands, uint64_t
///         seed)`: optional; nothing when no arguments give every demanded truth, which is no
///         error.  `corpus` is the data set, for arguments that should look like it; the demands
///         may be none.  Never a negated solution of a type with can_negate = false.  The caller
///         checks again.
/// Phrase  `std::string phrase(std::string_view id, std::string_view kwargs, bool negated, Wordings
///         set, uint64_t seed)`: one natural sentence, chosen by seed.  Never empty or blank.
/// State   none: there is no save and load.
/// Threads one call at a time on one object: the host holds a lock for each library.
/// Test    `samara plugins check FILE` solves, checks and phrases every type on sample records.
template <class T>
struct InstructionAdapter {
    /// The object and its types in the ABI's form; both stay where they are until destroy.
    struct Holder {
        explicit Holder(const Params& params) : object(make(params)) {
            std::span<const InstructionType> list;
            if constexpr (requires { object.types(); }) {
                list = object.types();
            } else {
                list = {std::data(T::types), std::size(T::types)};
            }
            for (const InstructionType& type : list) {
                rows.push_back({sizeof(samara_instruction_type), type.id, type.doc, type.conflicts,
                                type.can_solve ? 1 : 0, type.can_negate ? 1 : 0});
            }
            for (const samara_instruction_type& row : rows) { pointers.push_back(&row); }
        }
        Holder(Holder&&) =
            default;  // the rows stay where they are: a moved vector keeps its memory
        static T make(const Params& params) {
            if constexpr (std::is_constructible_v<T, const Params&>) {
                return T(params);
            } else {
                return T();
            }
        }
        T object;
        std::vector<samara_instruction_type> rows;
        std::vector<const samara_instruction_type*> pointers;
    };
    static constexpr bool kHasSolve =
        requires(T o, const Dataset& d, std::string_view s, std::span<const samara_message> p,
                 std::span<const Demand> w) {
        { o.solve(d, s, p, w, uint64_t{}) } -> std::convertible_to<std::optional<Solution>>;
    };

    static int64_t types(void* self, samara_call* call, const samara_instruction_type* const** out,
                         int64_t* n) {
        return enter<Holder>(self, call, [&](const Holder& holder) {
            *out = holder.pointers.data();
            *n = static_cast<int64_t>(holder.pointers.size());
        });
    }
    static int64_t check(void* self, samara_call* call, const samara_message* prompt,
                         int64_t n_prompt, samara_str response, samara_check* checks,
                         int64_t n_checks) {
        return enter<Holder>(self, call, [&](Holder& holder) {
            for (int64_t i = 0; i < n_checks; ++i) {
                samara_check& c = checks[i];
                const Verdict verdict = holder.object.check(
                    view(c.id), view(c.kwargs), c.negated != 0,
                    std::span<const samara_message>(prompt, static_cast<size_t>(n_prompt)),
                    view(response));
                c.strict = verdict.strict;
                c.loose = verdict.loose;
            }
        });
    }
    static int64_t solve(void* self, samara_call* call, const samara_dataset* corpus, int64_t type,
                         const samara_message* prompt, int64_t n_prompt,
                         const samara_demand* demands, int64_t n_demands, uint64_t seed,
                         samara_put_solution* put, void* ctx) {
        return enter<Holder>(self, call, [&](Holder& holder) {
            if (type < 0 || static_cast<size_t>(type) >= holder.rows.size()) {
                fail("there is no instruction type " + std::to_string(type));
                return;
            }
            std::vector<Demand> wanted;
            for (int64_t i = 0; i < n_demands; ++i) {
                wanted.push_back({view(demands[i].response), demands[i].truth != 0});
            }
            if constexpr (kHasSolve) {
                const std::optional<Solution> found = holder.object.solve(
                    Dataset(*corpus), holder.rows[static_cast<size_t>(type)].id,
                    std::span<const samara_message>(prompt, static_cast<size_t>(n_prompt)),
                    std::span<const Demand>(wanted), seed);
                if (found) { put(ctx, text(found->kwargs), found->negated ? 1 : 0); }
            } else {
                fail("this library solves nothing", SAMARA_UNSUPPORTED);
            }
        });
    }
    static int64_t phrase(void* self, samara_call* call, samara_str id, samara_str kwargs,
                          int64_t negated, int64_t set, uint64_t seed, samara_put* put, void* ctx) {
        return enter<Holder>(self, call, [&](Holder& holder) {
            const std::string wording = holder.object.phrase(view(id), view(kwargs), negated != 0,
                                                             static_cast<Wordings>(set), seed);
            put(ctx, text(wording));
        });
    }
    static constexpr samara_instructions table = {sizeof(samara_instructions),
                                                  create<Holder, T>,
                                                  destroy<Holder>,
                                                  nullptr,
                                                  nullptr,
                                                  types,
                                                  check,
                                                  solve,
                                                  phrase};
};

/// The descriptor of the instruction library T, for SAMARA_PLUGINS.
template <class T>
constexpr samara_plugin instructions(const About& about) {
    return describe_plugin<T>(about, "instruction/1", &InstructionAdapter<T>::table);
}

/// The instruction types of all libraries of the run, sorted by id, for a synthesizer.  Make one
/// per call; it dies with the call.  Same thread as the call.
///
/// Errors    A library's refusal fails the call with that library's text; a fault inside a library
///           ends the run under that library's name.  Ask only what the library gave: ids of
///           types(), kwargs of solve().
/// Example   const Instructions all;
///           const auto found = all.solve(data, all.find("vendor:exclamation_marks"), prompt,
///                                        demands, random.next());
///           if (found) { ask = all.phrase("vendor:exclamation_marks", *found, set, seed); }
class Instructions {
public:
    /// Synthesizers only; in the calls of other kinds it fails with SAMARA_UNSUPPORTED.
    Instructions()
        : api_(static_cast<const samara_instruction_api*>(
              context.host->get_extension(context.call, "instructions/1"))) {
        if (api_ == nullptr) {
            fail("this call has no instructions", SAMARA_UNSUPPORTED);
            return;
        }
        const samara_instruction_type* const* list = nullptr;
        int64_t n = 0;
        samara::check(api_->types(context.call, &list, &n));
        types_ = {list, static_cast<size_t>(n)};
    }

    /// Empty when the run lists no [[instructions]].  The order depends on ids alone, not on the
    /// configuration, so an index is reproducible within a run; between runs keep the id.
    std::span<const samara_instruction_type* const> types() const { return types_; }
    /// Index of a type by id, or -1.  solve() with -1 fails the call.
    int64_t find(std::string_view id) const {
        for (size_t i = 0; i < types_.size(); ++i) {
            if (id == types_[i]->id) { return static_cast<int64_t>(i); }
        }
        return -1;
    }

    /// Judges one response to one instruction.  Cost: about the length of the response.
    /// Errors: an unknown id, or kwargs that the type does not take, fail the call (never a
    /// verdict).
    Verdict check(std::string_view id, const Solution& arguments, std::span<const Message> prompt,
                  std::string_view response) const {
        const auto messages = borrow(prompt);
        samara_check c{text(id), text(arguments.kwargs), arguments.negated ? 1 : 0, -1, -1};
        samara::check(api_->check(context.call, messages.data(),
                                  static_cast<int64_t>(messages.size()), text(response), &c, 1));
        return {c.strict, c.loose};
    }

    /// MAPL's g (arXiv 2505.12845): solve, then check again what was solved; the library checks
    /// nothing by itself. Equal arguments give equal results; another seed may give another
    /// solution. Gives: arguments of type number `type` under which every demand holds strictly, or
    /// nothing.  Neither does the host check it: call check() on every demanded response and drop
    /// what does not hold.
    std::optional<Solution> solve(const Dataset& corpus, int64_t type,
                                  std::span<const Message> prompt, std::span<const Demand> demands,
                                  uint64_t seed) const {
        const auto messages = borrow(prompt);
        std::vector<samara_demand> wanted;
        for (const Demand& d : demands) { wanted.push_back({text(d.response), d.truth ? 1 : 0}); }
        std::optional<Solution> out;
        const auto put = [](void* ctx, samara_str kwargs, int64_t negated) {
            *static_cast<std::optional<Solution>*>(ctx) =
                Solution{std::string(view(kwargs)), negated != 0};
        };
        samara::check(api_->solve(context.call, &corpus.raw(), type, messages.data(),
                                  static_cast<int64_t>(messages.size()), wanted.data(),
                                  static_cast<int64_t>(wanted.size()), seed, put, &out));
        return out;
    }

    /// One wording of an instruction: a sentence that can stand at the end of a prompt, never
    /// empty (the host sees to that).  Chosen by seed, so that records differ and runs repeat.
    /// Errors: as check().
    std::string phrase(std::string_view id, const Solution& arguments, Wordings set,
                       uint64_t seed) const {
        std::string out;
        const auto put = [](void* ctx, samara_str s) { *static_cast<std::string*>(ctx) = view(s); };
        samara::check(api_->phrase(context.call, text(id), text(arguments.kwargs),
                                   arguments.negated ? 1 : 0, static_cast<int64_t>(set), seed, put,
                                   &out));
        return out;
    }

private:
    const samara_instruction_api* api_;
    std::span<const samara_instruction_type* const> types_;
};

}  // namespace samara
