// capitals.cpp - counts tokens in capitals, rewriting only the words that could give one.  Behind
// capitals.hpp.
#include "capitals.hpp"

#include "sentences.hpp"
#include "treebank.hpp"

#include <vector>

namespace samara::ifeval {
namespace {

// The rules cut a capital letter off a small one only in "'Tis", "'Twas" and before "n't".
bool may_hold_capitals(View chunk) {
    for (size_t i = 0; i < chunk.size(); ++i) {
        if (is_upper(chunk[i]) &&
            (i + 1 == chunk.size() || !is_lower(chunk[i + 1]) || (i > 0 && chunk[i - 1] == '\'') ||
             chunk.substr(i + 1, 3) == U"n't")) {
            return true;
        }
    }
    return false;
}

// The sentence with "x" for every word that cannot give a token in capitals, so that the rewriting
// has little to do; empty if no word can.
Text only_candidates(View sentence) {
    Text out;
    bool any = false;
    for (size_t i = 0; i < sentence.size();) {
        if (is_space(sentence[i])) {
            out += sentence[i++];
            continue;
        }
        size_t end = i;
        while (end < sentence.size() && !is_space(sentence[end])) {
            ++end;
        }
        const View chunk = sentence.substr(i, end - i);
        const bool keep = may_hold_capitals(chunk);
        out += keep ? chunk : View(U"x");
        any = any || keep;
        i = end;
    }
    return any ? out : Text();
}

}  // namespace

int64_t count_capital_words(View text) {
    int64_t n = 0;
    for (const View sentence : sentences(text)) {
        const Text candidates = only_candidates(sentence);
        if (candidates.empty()) {
            continue;
        }
        const Text rewritten = treebank(candidates);
        for (const View token : split(rewritten)) {
            n += is_upper(token) ? 1 : 0;
        }
    }
    return n;
}

}  // namespace samara::ifeval
