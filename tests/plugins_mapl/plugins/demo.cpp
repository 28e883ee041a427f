// A third party's instruction library with one type: what it takes to add a function g to MAPL.
#include <samara/instruction.hpp>

namespace {

struct Demo {
    static constexpr samara::InstructionType types[] = {
        {"demo:ends_with_period", "The last character is a period"}};

    samara::Verdict check(std::string_view id,
                          std::string_view,
                          bool negated,
                          std::span<const samara_message>,
                          std::string_view response) const {
        if (id != types[0].id) {
            samara::fail("unknown type " + std::string(id));
        }
        const int64_t followed = response.ends_with('.') != negated ? 1 : 0;
        return {followed, followed};
    }
    std::optional<samara::Solution> solve(const samara::Dataset&,
                                          std::string_view,
                                          std::span<const samara_message>,
                                          std::span<const samara::Demand> demands,
                                          uint64_t) const {
        const bool negated = demands[0].response.ends_with('.') != demands[0].truth;
        for (const samara::Demand& d : demands) {
            if ((d.response.ends_with('.') != negated) != d.truth) {
                return std::nullopt;
            }
        }
        return samara::Solution{"{}", negated};
    }
    std::string phrase(std::string_view,
                       std::string_view,
                       bool negated,
                       samara::Wordings,
                       uint64_t) const {
        return negated ? "Do not end with a period." : "End with a period.";
    }
};

const samara_plugin demo =
    samara::instructions<Demo>({.id = "demo.endings", .doc = "How a response ends"});

}  // namespace

SAMARA_PLUGINS(&demo)
