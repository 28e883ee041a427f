// Reads tokenizer.json's "model" into a BpeModel (bpe.hpp) and owns GPT-2's byte alphabet.
#include "lm/text/bpe.hpp"
#include "lm/text/utf8.hpp"

#include <algorithm>

namespace samara::host {

namespace {

constexpr int64_t kMaxId = int64_t{1} << 24U;  // a wild id must not allocate gigabytes

// GPT-2's letters for bytes (openai/gpt-2, encoder.py): printable Latin-1 stands for itself, the
// rest from U+0100 on.
struct ByteAlphabet {
    std::array<uint32_t, 256> letter{};
    std::array<int16_t, 512> byte{};

    ByteAlphabet() {
        byte.fill(-1);
        uint32_t next = 256;
        for (uint32_t b = 0; b < 256; ++b) {
            const bool itself =
                (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
            letter[b] = itself ? b : next++;
            byte[letter[b]] = static_cast<int16_t>(b);
        }
    }
};

const ByteAlphabet& alphabet() {
    static const ByteAlphabet table;
    return table;
}

}  // namespace

std::string bytes_of_token(std::string_view token) {
    std::string bytes;
    for (size_t at = 0; at < token.size();) {
        const Utf8Char letter = utf8_at(token, at);
        if (letter.length == 0 || letter.code >= alphabet().byte.size() ||
            alphabet().byte[letter.code] < 0) {
            return std::string(token);
        }
        bytes.push_back(static_cast<char>(alphabet().byte[letter.code]));
        at += letter.length;
    }
    return bytes;
}

BpeModel::BpeModel(const JsonField& field, bool byte_level) : byte_level_(byte_level) {
    const auto type = field.find("type");
    if (type && type->text() != "BPE") {
        type->refuse_value("only \"BPE\" is read");
    }
    field.only({"type",
                "dropout",
                "unk_token",
                "continuing_subword_prefix",
                "end_of_word_suffix",
                "fuse_unk",
                "byte_fallback",
                "ignore_merges",
                "vocab",
                "merges"});
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
        field.need_off(key);
    }
    ignore_merges_ = field.flag("ignore_merges", false);
    read_vocab(field.at("vocab"));
    read_fallback(field);
    read_merges(field.at("merges"));
}

void BpeModel::read_vocab(const JsonField& field) {
    field.need_object();
    vocab_.reserve(field.value().size());
    std::vector<bool> taken;
    for (const auto& [token, value] : field.value().items()) {
        if (!value.is_number_unsigned() || value.get<uint64_t>() > kMaxId) {
            field.refuse("the id of '" + token + "' is not an integer from 0 to 16777216");
        }
        const auto id = value.get<size_t>();
        taken.resize(std::max(taken.size(), id + 1), false);
        if (taken[id]) {
            field.refuse("two tokens have the id " + std::to_string(id));
        }
        taken[id] = true;
        vocab_.emplace(token, static_cast<int32_t>(id));
        if (!ignore_merges_) {
            continue;
        }
        // A token with letters outside the alphabet spells itself and must not be met by equal raw
        // bytes.
        const std::string bytes = byte_level_ ? bytes_of_token(token) : token;
        std::string letters;
        for (const char byte : bytes) {
            append_utf8(letters, alphabet().letter[static_cast<uint8_t>(byte)]);
        }
        if (!byte_level_ || letters == token) {
            whole_.emplace(bytes, static_cast<int32_t>(id));
        }
    }
}

/// What stands for bytes and for characters that the vocabulary lacks.
void BpeModel::read_fallback(const JsonField& field) {
    byte_fallback_ = field.flag("byte_fallback", false);
    fuse_unknown_ = field.flag("fuse_unk", false);
    if (byte_fallback_ && byte_level_) {
        for (const char32_t letter :
             alphabet().letter) {  // without effect where no byte is lacking
            std::string token;
            append_utf8(token, letter);
            if (!vocab_.contains(token)) {
                field.at("byte_fallback")
                    .refuse_value("beside ByteLevel a vocabulary with every byte is expected");
            }
        }
    }
    if (const auto unknown = field.find("unk_token"); unknown && unknown->text() != "") {
        unknown_ = find(unknown->text());
        if (unknown_ < 0) {
            unknown->refuse_value("it must be in the model's vocabulary");
        }
    }
    for (uint32_t byte = 0; byte < 256; ++byte) {
        constexpr const char* kDigits = "0123456789ABCDEF";
        std::string token;
        if (byte_level_) {
            append_utf8(token, alphabet().letter[byte]);
        } else {
            token = std::string("<0x") + kDigits[byte >> 4U] + kDigits[byte & 15U] + ">";
        }
        byte_ids_[byte] = find(token);
    }
}

void BpeModel::read_merges(const JsonField& field) {
    field.need_array();
    const auto& list = field.value();
    size_t slots = 16;
    while (slots < 2 * list.size()) {
        slots *= 2;
    }
    merges_.assign(slots, Merge{});
    for (size_t rank = 0; rank < list.size(); ++rank) {
        const auto& entry = list[rank];
        std::string left;
        std::string right;
        if (entry.is_string()) {
            const auto& text = entry.get_ref<const std::string&>();
            const size_t space = text.find(' ');
            if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
                field.element(rank).refuse_value("two tokens with one space between are expected");
            }
            left = text.substr(0, space);
            right = text.substr(space + 1);
        } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() &&
                   entry[1].is_string()) {
            left = entry[0].get<std::string>();
            right = entry[1].get<std::string>();
        } else {
            field.element(rank).refuse_value("a pair of tokens is expected");
        }
        const int32_t left_id = find(left);
        const int32_t right_id = find(right);
        const int32_t merged = find(left + right);
        if (left_id < 0 || right_id < 0 || merged < 0) {
            field.element(rank).refuse_value("a token of this merge is not in the vocabulary");
        }
        const uint64_t pair =
            (static_cast<uint64_t>(left_id) << 32U) | static_cast<uint32_t>(right_id);
        add_merge(pair, static_cast<int32_t>(rank), merged);
    }
}

}  // namespace samara::host
