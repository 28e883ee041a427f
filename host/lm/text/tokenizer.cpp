// Encoding and decoding; see tokenizer.hpp.  The order of the steps is the `tokenizers` library's:
// raw added tokens, normalizer, normalised added tokens, pre-tokenizer, BPE.
#include "lm/text/tokenizer.hpp"

#include "lm/text/utf8.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <openssl/evp.h>
#include <utf8proc.h>

namespace samara::host {

struct Tokenizer::Buffers {
    std::vector<TokenPart> raw_parts;
    std::vector<TokenPart> parts;
    NormalizerBuffers normal;
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
    if (const auto part = root.find("normalizer")) {
        normalizer_ = Normalizer(*part);
    }
    if (const auto part = root.find("pre_tokenizer")) {
        pre_tokenizer_ = PreTokenizer(*part);
        if (pre_tokenizer_.minds_start() && !normalizer_.keeps_start()) {
            part->refuse(
                "\"prepend_scheme\": \"first\" after a normalizer other than NFC and Replace "
                "is not implemented");
        }
    }
    if (const auto part = root.find("post_processor")) {
        post_processor_ = read_post_processor(*part);
    }
    decoder_ = std::make_unique<Decoder>(root.at("decoder"));
    model_ = std::make_unique<BpeModel>(root.at("model"), pre_tokenizer_.byte_level());
    for (const auto& [token, id] : model_->vocab()) {
        set_spelling(static_cast<size_t>(id), token);
    }
    read_added_tokens(root);
    fingerprint_ = hash_parts(
        {text, std::to_string(kTextVersion), pcre2_unicode(), utf8proc_unicode_version()});
}

void Tokenizer::set_spelling(size_t id, std::string_view token) {
    if (id >= spellings_.size()) {
        spellings_.resize(id + 1);
        present_.resize(id + 1, false);
    }
    present_[id] = true;
    spellings_[id] = decoder_->spelling(token);
}

/// The id of an added token.  The library ignores the file's: a token that the model lacks gets the
/// first id after all others (`next`).
int64_t Tokenizer::place_of(const JsonField& field,
                            const std::string& content,
                            int64_t next) const {
    const int32_t known = model_->find(content);
    const int64_t place = known >= 0 ? known : next;
    if (field.whole() != place) {
        field.refuse_value("its place is " + std::to_string(place));
    }
    const auto index = static_cast<size_t>(place);
    if (known < 0 && index < present_.size() && present_[index]) {
        field.refuse_value("the model's vocabulary has this id already");
    }
    return place;
}

void Tokenizer::read_added_tokens(const JsonField& root) {
    std::vector<AddedToken> raw;
    std::vector<AddedToken> normalized;
    NormalizerBuffers buffers;
    const auto list = root.find("added_tokens");
    if (list) {
        list->need_array();
    }
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
        if (token.content.empty() || added_.contains(token.content)) {
            field.at("content").refuse_value("added tokens must be unique and not empty");
        }
        const int64_t id = place_of(field.at("id"), token.content, next);
        next = std::max(next, id + 1);
        token.id = static_cast<int32_t>(id);
        added_.emplace(token.content, id);
        if (token.normalized) {  // it is printed so, too, by the library
            token.content = std::string(normalizer_.run(token.content, buffers));
        }
        set_spelling(static_cast<size_t>(id), token.content);
        if (token.content.empty()) {
            field.refuse("the normalizer leaves nothing of this token");
        }
        (token.normalized ? normalized : raw).push_back(token);
    }
    raw_tokens_ = AddedTokens(std::move(raw));
    normalized_tokens_ = AddedTokens(std::move(normalized));
}

void Tokenizer::encode_plain(std::string_view text,
                             bool at_start,
                             Buffers& buffers,
                             std::vector<int64_t>& out) const {
    pre_tokenizer_.split(text, at_start, buffers.pieces);
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
        const std::string_view normal = normalizer_.run(raw.text, buffers.normal);
        normalized_tokens_.split(normal, buffers.parts);
        const bool begins = raw.text.data() == text.data();
        for (const TokenPart& part : buffers.parts) {
            if (part.id >= 0) {
                ids.push_back(part.id);
            } else {
                encode_plain(part.text, begins && part.text.data() == normal.data(), buffers, ids);
            }
        }
    }
    return ids;
}

std::string Tokenizer::decode(std::span<const int64_t> ids) const {
    std::vector<std::string_view> tokens;
    for (const int64_t id : ids) {
        if (id < 0 || static_cast<size_t>(id) >= present_.size() ||
            !present_[static_cast<size_t>(id)]) {
            throw Error(Code::data, "token id " + std::to_string(id) + " is not in the vocabulary");
        }
        tokens.push_back(spellings_[static_cast<size_t>(id)]);
    }
    return decoder_->decode(tokens);
}

bool Tokenizer::is_safe_border(std::string_view border) const {
    return !pre_tokenizer_.minds_start() && samara::host::is_safe_border(border, raw_tokens_);
}

int64_t Tokenizer::id_of(std::string_view token) const {
    const auto found = added_.find(token);
    return found != added_.end() ? found->second : model_->find(token);
}

}  // namespace samara::host
