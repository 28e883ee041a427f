// Instruction types with known faults and conflicts, for tests of what draws from them: two honest
// types, one that never has a solution, one whose solutions are wrong, one that stands alone, one
// that cannot be solved.
#include <samara/instruction.hpp>
#include <samara/json.hpp>

#include <algorithm>

namespace {

struct Toy {
    static constexpr samara::InstructionType types[] = {
        {"toy:characters", "At least n bytes"},
        {"toy:letter", "Contains a letter"},
        {"toy:never", "No solution, ever"},
        {"toy:liar", "Its solver breaks its word"},
        {"toy:loner", "Conflicts with all but toy:letter", "* -toy:letter"},
        {"toy:check_only", "Cannot be solved", "", false}};

    samara::Verdict check(std::string_view id,
                          std::string_view kwargs,
                          bool negated,
                          std::span<const samara_message>,
                          std::string_view response) const {
        const samara::Json arguments = samara::Json::parse(kwargs);
        bool holds = true;
        if (id == "toy:characters") {
            holds = static_cast<int64_t>(response.size()) >= arguments.get_integer("n");
        } else if (id == "toy:letter" || id == "toy:loner" || id == "toy:liar") {
            holds = response.find(arguments.get_string("letter")) != std::string_view::npos;
        }
        const int64_t followed = holds != negated ? 1 : 0;
        return {followed, followed};
    }

    std::optional<samara::Solution> solve(const samara::Dataset&,
                                          std::string_view id,
                                          std::span<const samara_message> prompt,
                                          std::span<const samara::Demand> demands,
                                          uint64_t seed) const {
        if (id == "toy:never") {
            return std::nullopt;
        }
        samara::Random random(seed);
        for (int tries = 0; tries < 200; ++tries) {
            samara::Json arguments = samara::Json::object();
            if (id == "toy:characters") {
                arguments.set("n", random.between(1, 120));
            } else {
                arguments.set("letter", std::string(1, static_cast<char>('a' + random.below(26))));
            }
            const samara::Solution found{arguments.dump(), random.below(2) == 0};
            const auto holds = [&](const samara::Demand& d) {
                const bool followed =
                    check(id, found.kwargs, found.negated, prompt, d.response).strict == 1;
                return (followed == d.truth) != (id == "toy:liar");
            };
            if (std::all_of(demands.begin(), demands.end(), holds)) {
                return found;
            }
        }
        return std::nullopt;
    }

    std::string phrase(std::string_view id,
                       std::string_view kwargs,
                       bool negated,
                       samara::Wordings set,
                       uint64_t seed) const {
        const char* style = set == samara::Wordings::held_out                    ? "Mind this"
                            : set == samara::Wordings::training || seed % 2 == 0 ? "Please"
                                                                                 : "Mind this";
        return std::string(style) + (negated ? ", not " : ", ") + std::string(id) + ' ' +
               std::string(kwargs) + '.';
    }
};

const samara_plugin toy = samara::instructions<Toy>({.id = "toy.types", .doc = "Types for tests"});

}  // namespace

SAMARA_PLUGINS(&toy)
