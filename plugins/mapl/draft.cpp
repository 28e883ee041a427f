// Solve, phrase, join, verify.
#include "draft.hpp"

namespace samara::mapl {
namespace {

Rule rule_of(const std::string& name) {
    return name == "dominance" ? Rule::dominance : name == "count" ? Rule::count : Rule::paper;
}

Wordings wordings_of(const std::string& name) {
    return name == "training"   ? Wordings::training
           : name == "held_out" ? Wordings::held_out
                                : Wordings::all;
}

bool bit(Mask mask, size_t n) {
    return (mask >> n & 1) != 0;
}

}  // namespace

Settings::Settings(const Params& params)
    : count_low(0),
      count_high(0),
      functions(params.strings("functions")),
      exclude(params.strings("exclude_functions")),
      rule(rule_of(params.string("relation"))),
      attempts(params.integer("attempts")),
      wordings(wordings_of(params.string("wordings"))),
      negation(params.flag("negation")),
      joining(params),
      permuted(params.string("truth") == "permuted"),
      weight(params.number("weight")) {
    const std::vector<int64_t> count = params.integers("count");
    if (count.size() != 2 || count[0] > count[1]) {
        fail("count is a range [low, high] of two numbers from 1 to 5, low not above high");
        return;
    }
    count_low = count[0];
    count_high = count[1];
    check_types();
}

TypePool Settings::pool(const Instructions& instructions) const {
    if (instructions.types().empty()) {
        fail("the run lists no instruction types: add [[instructions]] plugin = \"samara.ifeval\"");
    }
    try {
        TypePool pool(instructions.types(), functions, exclude);
        if (!pool.can_draw(static_cast<int>(count_high))) {
            fail("count goes up to " + std::to_string(count_high) + ", but of the " +
                 std::to_string(pool.size()) +
                 " types allowed by functions and exclude_functions no " +
                 std::to_string(count_high) + " stand together without a conflict");
        }
        return pool;
    } catch (const std::invalid_argument& wrong) {
        fail(wrong.what());
        throw;
    }
}

void Settings::check_types() const {
    if (context.host->get_extension(context.call, "instructions/1") == nullptr) {
        return;
    }
    const Instructions instructions;
    if (!instructions.types().empty()) {
        static_cast<void>(pool(instructions));
    }
}

std::string Tally::summary() const {
    if (draws == 0) {
        return "";
    }
    std::string out = std::to_string(draws) + " draws";
    const char* separator = ", discarded for ";
    for (const auto& [key, n] : failed) {
        out += separator + key.first + ' ' + key.second + ' ' + std::to_string(n);
        separator = ", ";
    }
    return out;
}

Carried Drafter::begin(const Record& record, int k) {
    discarded_.clear();
    Carried out;
    const auto own = row_instructions(record);
    if (!own) {
        out.problem = kNoRowInstructions;
        return out;
    }
    if (own->empty()) {
        return out;
    }
    for (const RowInstruction& one : *own) {
        const bool offered = instructions_.find(one.id) >= 0;
        out.ids.push_back(one.id);
        out.arguments.push_back({offered ? one.kwargs.dump() : "", false});
    }
    out.barred = pool_.barred_by(out.ids);
    out.problem = pool_.can_draw(k, out.barred)
                      ? nullptr
                      : "too few types stand beside the record's own instructions";
    return out;
}

Json Drafter::judged(const Carried& carried,
                     const Messages& prompt,
                     std::string_view response) const {
    Json out = Json::List{};
    for (size_t n = 0; n < carried.ids.size(); ++n) {
        const Solution& arguments = carried.arguments[n];
        if (arguments.kwargs.empty()) {
            continue;  // no library can judge it
        }
        const Verdict verdict = instructions_.check(carried.ids[n], arguments, prompt, response);
        Json one = Json::object();
        one.set("id", carried.ids[n]).set("kwargs", Json::parse(arguments.kwargs));
        one.set("negated", false).set("text", "");
        out.push(std::move(one.set("truth", verdict.strict == 1)));
    }
    return out;
}

std::string Drafter::own_instructions(const Carried& carried,
                                      const Messages& prompt,
                                      std::string_view response) const {
    const Json out = judged(carried, prompt, response);
    return out.list()->empty() ? "" : out.dump();
}

std::string Drafter::discarded() const {
    std::string out;
    for (const auto& [cause, n] : discarded_) {
        out += (out.empty() ? "" : ", ") + cause + ' ' + std::to_string(n);
    }
    return out;
}

void Drafter::failed(const char* cause, const std::string& id) {
    ++tally_.failed[{cause, id}];
    last_failure_ = std::string(cause) + ' ' + id;
    ++discarded_[last_failure_];
}

// A solver draws the polarity with the values, so without negation a draw is simply repeated: what
// is kept has the distribution of the plain draws.
std::optional<Solution> Drafter::solve(size_t type,
                                       const Messages& prompt,
                                       std::span<const Demand> demands,
                                       Random& random) {
    constexpr int kRedraws = 16;
    for (int n = 0; n < (settings_->negation ? 1 : kRedraws); ++n) {
        std::optional<Solution> found =
            instructions_.solve(*data_, pool_.index(type), prompt, demands, random.next());
        if (!found) {
            failed("infeasible", pool_.id(type));
            return std::nullopt;
        }
        if (settings_->negation || !found->negated) {
            return found;
        }
    }
    failed("negated", pool_.id(type));
    return std::nullopt;
}

std::optional<Prompt> Drafter::make(const Messages& prompt,
                                    const Carried& carried,
                                    std::span<const size_t> types,
                                    std::span<const Wanted> wanted,
                                    Random& random) {
    std::vector<Instruction> list;
    std::vector<Demand> demands(wanted.size());
    for (size_t n = 0; n < types.size(); ++n) {
        for (size_t w = 0; w < wanted.size(); ++w) {
            demands[w] = {wanted[w].response, bit(wanted[w].truths, n)};
        }
        const std::string& id = pool_.id(types[n]);
        const std::optional<Solution> found = solve(types[n], prompt, demands, random);
        if (!found) {
            return std::nullopt;
        }
        std::string text = instructions_.phrase(id, *found, settings_->wordings, random.next());
        list.push_back({n, id, *found, std::move(text)});
    }
    random.shuffle(list);

    std::vector<std::string> texts;
    for (const Instruction& i : list) {
        texts.push_back(i.text);
    }
    Prompt out{settings_->joining.apply(prompt, texts), {}};
    for (const Wanted& w : wanted) {
        Json all = judged(carried, prompt, w.response);
        for (const Instruction& i : list) {
            Json one = Json::object();
            one.set("id", i.id).set("kwargs", Json::parse(i.arguments.kwargs));
            one.set("negated", i.arguments.negated).set("text", i.text);
            all.push(std::move(one.set("truth", bit(w.truths, i.type))));
        }
        out.instructions.push_back(all.dump());
    }
    return verify(out, list, wanted) ? std::optional(std::move(out)) : std::nullopt;
}

// The solver is never trusted: what is emitted has been checked as it stands in the new prompt.
bool Drafter::verify(const Prompt& prompt,
                     std::span<const Instruction> list,
                     std::span<const Wanted> wanted) {
    for (const Wanted& w : wanted) {
        for (const Instruction& i : list) {
            const Verdict verdict =
                instructions_.check(i.id, i.arguments, prompt.messages, w.response);
            if (verdict.strict != (bit(w.truths, i.type) ? 1 : 0)) {
                failed("unverified", i.id);
                return false;
            }
        }
    }
    return true;
}

}  // namespace samara::mapl
