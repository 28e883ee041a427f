// Solve, phrase, append, verify.
#include "draft.hpp"

#include <samara/json.hpp>

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

int64_t last_user_message(const Messages& messages) {
    for (size_t n = messages.size(); n > 0; --n) {
        const std::string& role = messages[n - 1].role;
        if (role.empty() || role == "user") {
            return static_cast<int64_t>(n) - 1;
        }
    }
    return -1;
}

void Drafter::failed(const char* cause, const std::string& id) {
    ++tally_.failed[{cause, id}];
    last_failure_ = std::string(cause) + ' ' + id;
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

    Prompt out{prompt, {}};
    std::string& target = out.messages[static_cast<size_t>(last_user_message(prompt))].content;
    for (size_t n = 0; n < list.size(); ++n) {
        target += (n == 0 ? "\n\n" : " ") + list[n].text;
    }
    for (const Wanted& w : wanted) {
        Json all = Json::List{};
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
