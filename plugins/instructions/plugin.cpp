// plugin.cpp - the libraries "samara.ifeval" and "samara.more_instructions" of kind instruction/1:
// the ABI's four functions over types.hpp, solve.hpp and wordings.hpp.  Nothing is judged or drawn
// here.
#include "corpus.hpp"
#include "solve.hpp"
#include "types.hpp"
#include "wordings.hpp"

#include <samara/instruction.hpp>

#include <memory>

namespace samara::ifeval {
namespace {

template <Source kSource>
class Library {
public:
    std::span<const InstructionType> types() const { return types_of(kSource); }

    Verdict check(std::string_view id,
                  std::string_view kwargs,
                  bool negated,
                  std::span<const samara_message> /*prompt*/,
                  std::string_view response) const {
        return Instruction(find_type(kSource, id), kwargs).judge(decode(response), negated);
    }

    std::optional<Solution> solve(const Dataset& corpus,
                                  std::string_view id,
                                  std::span<const samara_message> /*prompt*/,
                                  std::span<const Demand> demands,
                                  uint64_t seed) {
        return ifeval::solve(corpus_of(corpus), corpus, find_type(kSource, id), demands, seed);
    }

    std::string phrase(std::string_view id,
                       std::string_view kwargs,
                       bool negated,
                       Wordings set,
                       uint64_t seed) const {
        return ifeval::phrase(Instruction(find_type(kSource, id), kwargs), negated, set, seed);
    }

private:
    // The measured data sets of this run, the newest first; a result never depends on them being
    // here.  Four: training, held-out and two more.
    Corpus& corpus_of(const Dataset& data) {
        constexpr size_t kKept = 4;
        for (auto& corpus : corpora_) {
            if (corpus->describes(data)) {
                return *corpus;
            }
        }
        corpora_.insert(corpora_.begin(), std::make_unique<Corpus>(data));
        if (corpora_.size() > kKept) {
            corpora_.pop_back();
        }
        return *corpora_.front();
    }
    std::vector<std::unique_ptr<Corpus>> corpora_;
};

constexpr samara_plugin kIfeval = instructions<Library<Source::ifeval>>({
    .id = "samara.ifeval",
    .doc = "22 verifiable instruction types of IFEval: exact checkers, solvers that do not leak, "
           "wordings",
    .source = "arXiv 2311.07911; rules as in google-research instruction_following_eval, 2024-06",
});

constexpr samara_plugin kMore = instructions<Library<Source::more>>({
    .id = "samara.more_instructions",
    .doc = "21 verifiable instruction types beyond IFEval's, all with solvers",
    .source =
        "IFBench, arXiv 2507.02833; IFEval's extension in open-instruct (word_once, first_word, "
        "last_word, punctuation_dot, punctuation_exclamation, letter_counting, "
        "lowercase_counting, square_brackets, bigram_wrapping); M-IFEval, arXiv 2502.04688, "
        "read for English (no_digits, question_marks)",
});

}  // namespace
}  // namespace samara::ifeval

SAMARA_PLUGINS(&samara::ifeval::kIfeval, &samara::ifeval::kMore)
