// Encoding and decoding; see tokenizer.hpp.  The order of the steps is the `tokenizers` library's:
// raw added tokens, normalizer, normalised added tokens, pre-tokenizer, BPE.
#include "lm/text/tokenizer.hpp"

#include "lm/text/normalizer.hpp"
#include "lm/text/utf8.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <openssl/evp.h>
#include <utf8proc.h>

namespace samara::host {

struct Tokenizer::Buffers {
    std::vector<TokenPart> raw_parts;
    std::vector<TokenPart> parts;
    std::string normalized;
    PieceBuffers pieces;
    BpeBuffers bpe;
};

// Borrows buffers for one call, so that concurrent calls neither wait for each other nor share a
// cache.
class Tokenizer::Lease {
public:
    explicit Lease(const Tokenizer& owner) : owner_(owner) {
        const std::lock_guard lock(owner_.mutex_);
        if (!owner_.idle_.empty()) {
            buffers_ = std::move(owner_.idle_.back());
            owner_.idle_.pop_back();
        } else {
            buffers_ = std::make_unique<Buffers>();
        }
    }
    ~Lease() {
        const std::lock_guard lock(owner_.mutex_);
        owner_.idle_.push_back(std::move(buffers_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Buffers& operator*() { return *buffers_; }

private:
    const Tokenizer& owner_;
    std::unique_ptr<Buffers> buffers_;
};

namespace {

std::string pcre2_unicode() {
    char text[64] = {};
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, text);
    return text;
}

}  // namespace

std::string hash_parts(std::span<const std::string_view> parts) {
    struct Free {
        void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
    };
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
    for (const std::string_view part : parts) {
        const std::string head = std::to_string(part.size()) + ":";
        good = good && EVP_DigestUpdate(context.get(), head.data(), head.size()) == 1 &&
               EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
        throw Error(Code::internal, "OpenSSL offers no SHA-256");
    }
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
        hex += "0123456789abcdef"[digest[i] >> 4U];
        hex += "0123456789abcdef"[digest[i] & 15U];
    }
    return hex;
}

Tokenizer::~Tokenizer() = default;

Tokenizer::Tokenizer(const std::string& file) {
    const std::string text = read_text_file(file);
    const nlohmann::json document = parse_json(text, file);
    const JsonField root(document, file);
    root.only({"version",
               "truncation",
               "padding",
               "added_tokens",
               "normalizer",
               "pre_tokenizer",
               "post_processor",
               "decoder",
               "model"});
    root.need_off("truncation");
    root.need_off("padding");
    if (const auto version = root.find("version"); version && version->text() != "1.0") {
        version->refuse_value("only \"1.0\" is read");
    }
    if (const auto normalizer = root.find("normalizer")) {
        const JsonField type = normalizer->at("type");
        if (type.text() != "NFC") {
            type.refuse_value("only null and \"NFC\" are read");
        }
        normalizer->only({"type"});
        nfc_ = true;
    }
    const auto need_byte_level = [](const JsonField& part, const char* expected) {
        if (part.at("type").text() != "ByteLevel") {
            part.at("type").refuse_value(expected);
        }
        part.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    };
    if (const auto part = root.find("post_processor")) {  // ByteLevel here only moves offsets
        need_byte_level(*part, "only null and \"ByteLevel\" are read");
    }
    need_byte_level(root.at("decoder"), "only \"ByteLevel\" is read");
    model_ = std::make_unique<BpeModel>(root.at("model"));
    pre_tokenizer_ = std::make_unique<PreTokenizer>(root.at("pre_tokenizer"));
    spellings_ = model_->spellings();
    present_ = model_->present();
    read_added_tokens(root);
    fingerprint_ = hash_parts(
        {text, std::to_string(kTextVersion), pcre2_unicode(), utf8proc_unicode_version()});
}

void Tokenizer::read_added_tokens(const JsonField& root) {
    std::vector<AddedToken> raw;
    std::vector<AddedToken> normalized;
    StringMap<int> seen;
    const auto list = root.find("added_tokens");
    if (list) {
        list->need_array();
    }
    // The library ignores the file's ids: a token that the model lacks gets the first id after all
    // others.
    auto next = static_cast<int64_t>(model_->size());
    for (size_t i = 0; list && i < list->value().size(); ++i) {
        const JsonField field = list->element(i);
        field.only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
        AddedToken token;
        token.content = field.at("content").text();
        token.single_word = field.flag("single_word", false);
        token.lstrip = field.flag("lstrip", false);
        token.rstrip = field.flag("rstrip", false);
        token.normalized = field.flag("normalized", false);
        token.special = field.flag("special", false);
        if (token.content.empty() || !seen.emplace(token.content, 0).second) {
            field.at("content").refuse_value("added tokens must be unique and not empty");
        }
        const int32_t known = model_->find(token.content);
        const int64_t expected = known >= 0 ? known : next;
        next = std::max(next, expected + 1);
        if (field.at("id").whole() != expected) {
            field.at("id").refuse_value("its place is " + std::to_string(expected));
        }
        token.id = static_cast<int32_t>(expected);
        const auto index = static_cast<size_t>(expected);
        if (index >= spellings_.size()) {
            spellings_.resize(index + 1);
            present_.resize(index + 1, false);
        }
        if (known < 0 && present_[index]) {
            field.at("id").refuse_value("the model's vocabulary has this id already");
        }
        present_[index] = true;
        spellings_[index] = bytes_of_token(token.content);
        if (token.normalized && nfc_) {
            std::string buffer;
            token.content = std::string(to_nfc(token.content, buffer));
        }
        (token.normalized ? normalized : raw).push_back(token);
    }
    raw_tokens_ = AddedTokens(std::move(raw));
    normalized_tokens_ = AddedTokens(std::move(normalized));
}

void Tokenizer::encode_plain(std::string_view text,
                             Buffers& buffers,
                             std::vector<int64_t>& out) const {
    pre_tokenizer_->split(text, buffers.pieces);
    for (const std::string_view piece : buffers.pieces.pieces) {
        model_->encode(piece, buffers.bpe, out);
    }
}

std::vector<int64_t> Tokenizer::encode(std::string_view text) const {
    if (const auto bad = first_invalid_utf8(text)) {
        throw Error(Code::data, "the text is not UTF-8 at byte " + std::to_string(*bad));
    }
    std::vector<int64_t> ids;
    ids.reserve(text.size() / 4 + 4);
    Lease lease(*this);
    Buffers& buffers = *lease;
    buffers.raw_parts.clear();
    raw_tokens_.split(text, buffers.raw_parts);
    for (const TokenPart& raw : buffers.raw_parts) {
        if (raw.id >= 0) {
            ids.push_back(raw.id);
            continue;
        }
        buffers.parts.clear();
        normalized_tokens_.split(nfc_ ? to_nfc(raw.text, buffers.normalized) : raw.text,
                                 buffers.parts);
        for (const TokenPart& part : buffers.parts) {
            if (part.id >= 0) {
                ids.push_back(part.id);
            } else {
                encode_plain(part.text, buffers, ids);
            }
        }
    }
    return ids;
}

std::string Tokenizer::decode(std::span<const int64_t> ids) const {
    std::string bytes;
    for (const int64_t id : ids) {
        if (id < 0 || static_cast<size_t>(id) >= present_.size() ||
            !present_[static_cast<size_t>(id)]) {
            throw Error(Code::data, "token id " + std::to_string(id) + " is not in the vocabulary");
        }
        bytes += spellings_[static_cast<size_t>(id)];
    }
    return replace_invalid_utf8(bytes);
}

bool Tokenizer::is_safe_border(std::string_view border) const {
    return samara::host::is_safe_border(border, raw_tokens_);
}

int64_t Tokenizer::id_of(std::string_view token) const {
    for (const AddedTokens* set : {&raw_tokens_, &normalized_tokens_}) {
        for (const AddedToken& known : set->tokens()) {
            if (known.content == token) {
                return known.id;
            }
        }
    }
    return model_->find(token);
}

}  // namespace samara::host
