// Cuts a text into the pieces that BPE works on: the pre_tokenizer of a tokenizer.json.
// Sits between added_tokens.hpp (which cuts first) and bpe.hpp.
#pragma once
#include "lm/text/metaspace.hpp"
#include "lm/text/regex.hpp"

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

/// What becomes of the parts that match a split's pattern.
enum class SplitBehavior {
    isolated,              ///< pieces of their own
    removed,               ///< dropped
    merged_with_previous,  ///< joined to the part before
    merged_with_next,      ///< joined to the part after
    contiguous             ///< neighbouring matches become one piece
};

/// Buffers of one call.  The pieces point into the text and into `written`.  [one thread at a
/// time]
struct PieceBuffers {
    std::vector<std::string_view> pieces;
    std::vector<std::string_view> next;
    std::deque<std::string> written;  ///< pieces that were changed; a deque keeps addresses
    std::vector<std::pair<Span, bool>> parts;
    RegexScratch regex;
};

/// ByteLevel, Split, Digits, Whitespace, WhitespaceSplit, Punctuation, Metaspace and Sequence;
/// ByteLevel must be the last step, Metaspace may come once.  [any-thread]
class PreTokenizer {
public:
    PreTokenizer() = default;  ///< the whole text is one piece
    /// Errors: config, naming the field.
    explicit PreTokenizer(const JsonField& field) { read(field); }

    /// Fills buffers.pieces with the non-empty pieces of `text` (valid UTF-8, not empty), in order.
    /// `at_start`: nothing stands before `text` in the whole text.
    void split(std::string_view text, bool at_start, PieceBuffers& buffers) const;

    /// True if BPE works on the pieces' bytes, not on their characters.
    [[nodiscard]] bool byte_level() const { return byte_level_; }
    /// True if the pieces depend on `at_start`.
    [[nodiscard]] bool minds_start() const;

private:
    struct Step {
        std::optional<Regex> regex;  ///< absent: no cut
        SplitBehavior behavior = SplitBehavior::isolated;
        bool invert = false;        ///< the parts between matches count as the matches
        bool prefix_space = false;  ///< first put a space before each piece that has none
        std::optional<MetaspaceFields> metaspace;  ///< first write spaces so
    };
    void read(const JsonField& field);
    void read_split(const JsonField& field);
    void read_class(const JsonField& field, const std::string& type);
    void read_byte_level(const JsonField& field);
    void read_metaspace(const JsonField& field);
    static std::string_view prepare(const Step& step,
                                    std::string_view piece,
                                    bool at_start,
                                    PieceBuffers& buffers);
    static void cut(const Step& step, std::string_view piece, PieceBuffers& buffers);
    std::vector<Step> steps_;
    bool byte_level_ = false;
};

}  // namespace samara::host
