// See added_tokens.hpp.
#include "lm/text/added_tokens.hpp"

#include "lm/text/utf8.hpp"

#include <algorithm>

namespace samara::host {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
    std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
        return a.content.size() > b.content.size();
    });
    for (size_t i = 0; i < tokens_.size(); ++i) {
        by_first_byte_[static_cast<uint8_t>(tokens_[i].content.front())].push_back(
            static_cast<uint32_t>(i));
    }
}

const AddedToken* AddedTokens::match(std::string_view text, size_t at) const {
    for (const uint32_t i : by_first_byte_[static_cast<uint8_t>(text[at])]) {
        const std::string& content = tokens_[i].content;
        if (text.compare(at, content.size(), content) == 0) {
            return &tokens_[i];
        }
    }
    return nullptr;
}

void AddedTokens::split(std::string_view text, std::vector<TokenPart>& out) const {
    size_t done = 0;  // everything before is in `out`
    for (size_t at = 0; at < text.size() && !tokens_.empty();) {
        const AddedToken* token = match(text, at);
        if (token == nullptr) {
            ++at;
            continue;
        }
        size_t begin = at;
        size_t end = at + token->content.size();
        at = end;  // the search goes on here, whether the match counts or not
        if (token->single_word &&
            (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) {
            continue;
        }
        if (token->lstrip) {
            begin = std::max(begin - space_at_end(text.substr(0, begin)), done);
            begin = std::min(begin, end);  // a token before it may have swallowed this one
        }
        if (token->rstrip) {
            end += space_at_start(text.substr(end));
        }
        if (done < begin) {
            out.push_back({text.substr(done, begin - done), -1});
        }
        out.push_back({text.substr(begin, end - begin), token->id});
        done = end;
    }
    if (done < text.size()) {
        out.push_back({text.substr(done), -1});
    }
}

bool is_safe_border(std::string_view border, const AddedTokens& first) {
    if (border.empty() || ends_with_word(border)) {
        return false;  // a following single_word token would look at it
    }
    bool known = false;
    for (const AddedToken& token : first.tokens()) {
        const std::string_view content = token.content;
        if (content == border) {
            known = !token.single_word && !token.lstrip && !token.rstrip;
            continue;
        }
        if (content.find(border) != std::string_view::npos) {
            return false;  // could be found in its place
        }
        for (size_t overlap = 1; overlap < std::min(content.size(), border.size()); ++overlap) {
            if (content.substr(content.size() - overlap) == border.substr(0, overlap)) {
                return false;  // could begin before it and end inside it
            }
        }
    }
    return known;
}

}  // namespace samara::host
