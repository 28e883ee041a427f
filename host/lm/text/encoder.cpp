// Text to token ids as a run sees them: tokenizer and chat format of a Hugging Face folder behind
// core's Encoder. No weights are read here; what the ids are for is not known here either.
#include "core/model.hpp"
#include "lm/text/chat.hpp"
#include "lm/text/tokenizer.hpp"
#include "runtime/error.hpp"

#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

namespace samara::host {

namespace {

namespace fs = std::filesystem;

// Prompts are encoded once for their several responses; a group has few prompts, so a short list is
// enough.
constexpr size_t kRememberedPrompts = 32;

class FolderEncoder final : public Encoder {
public:
    explicit FolderEncoder(const ModelRequest& request);
    [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
    [[nodiscard]] Encoded encode(std::span<const Message> prompt,
                                 const std::string& response) const override;
    [[nodiscard]] Ids encode_text(const std::string& text) const override {
        return tokenizer_.encode(text);
    }
    [[nodiscard]] std::string decode(std::span<const int64_t> ids) const override {
        return tokenizer_.decode(ids);
    }
    [[nodiscard]] Ids end_ids() const override { return end_ids_; }

private:
    struct Texts {
        std::string prompt;  ///< as the model sees it before it answers
        std::string full;    ///< the same with the response and whatever ends it
    };
    void read_chat_format(const ModelRequest& request);
    [[nodiscard]] Ids read_end_ids() const;
    [[nodiscard]] Texts render(std::span<const Message> prompt, const std::string& response) const;
    [[nodiscard]] Ids encode_remembered(const std::string& text) const;

    std::string folder_;
    Tokenizer tokenizer_;
    std::optional<ChatFormat> format_;  ///< absent: plain text
    std::optional<std::string> eos_;    ///< ends plain text
    Ids end_ids_;
    std::string border_;  ///< ids do not cross its end; empty: none is known
    std::string fingerprint_;
    mutable std::mutex mutex_;  ///< guards remembered_
    mutable std::deque<std::pair<std::string, Ids>> remembered_;
};

// A token of tokenizer_config.json: a string, or an object with "content".
std::optional<std::string> special_token(const JsonField& config, const char* name) {
    const auto field = config.find(name);
    if (!field) {
        return std::nullopt;
    }
    return field->value().is_object() ? field->at("content").text() : field->text();
}

// One template, or a list of named ones of which `transformers` uses "default".
std::optional<std::string> template_of(const JsonField& config) {
    const auto field = config.find("chat_template");
    if (!field) {
        return std::nullopt;
    }
    if (!field->value().is_array()) {
        return field->text();
    }
    for (size_t i = 0; i < field->value().size(); ++i) {
        if (field->element(i).at("name").text() == "default") {
            return field->element(i).at("template").text();
        }
    }
    field->refuse("no template is named 'default'");
}

FolderEncoder::FolderEncoder(const ModelRequest& request)
    : folder_(request.path), tokenizer_((fs::path(request.path) / "tokenizer.json").string()) {
    if (request.chat != "auto" && request.chat != "always" && request.chat != "never") {
        throw Error(Code::config,
                    "chat is '" + request.chat + "'",
                    "",
                    "known values: \"auto\", \"always\", \"never\"");
    }
    read_chat_format(request);
    end_ids_ = read_end_ids();
    if (format_ && tokenizer_.is_safe_border(format_->border())) {
        border_ = format_->border();
    }
    fingerprint_ = hash_parts({tokenizer_.fingerprint(),
                               format_ ? "chat" : "plain",
                               format_ ? format_->describe() : eos_.value_or(""),
                               request.chat});
}

void FolderEncoder::read_chat_format(const ModelRequest& request) {
    const std::string config_file = (fs::path(folder_) / "tokenizer_config.json").string();
    const std::string jinja_file = (fs::path(folder_) / "chat_template.jinja").string();
    std::optional<std::string> chat_template;
    std::map<std::string, std::string> tokens;
    std::string template_file = config_file;
    if (fs::exists(config_file)) {
        const nlohmann::json document = parse_json(read_text_file(config_file), config_file);
        const JsonField config(document, config_file);
        chat_template = template_of(config);
        eos_ = special_token(config, "eos_token");
        for (const char* name : {"bos_token",
                                 "eos_token",
                                 "unk_token",
                                 "pad_token",
                                 "sep_token",
                                 "cls_token",
                                 "mask_token"}) {
            if (const auto token = special_token(config, name)) {
                tokens[name] = *token;
            }
        }
    }
    if (fs::exists(
            jinja_file)) {  // goes before the one in tokenizer_config.json, as in `transformers`
        chat_template = read_text_file(jinja_file);
        template_file = jinja_file;
    }
    if (request.chat == "always" && !chat_template) {
        throw Error(
            Code::config,
            "chat = \"always\", but the model has no chat template",
            config_file,
            "set [data] chat = \"auto\" or \"never\", or name a model with a chat template");
    }
    if (request.chat != "never" && chat_template) {
        format_ = recognise_chat_template(*chat_template, tokens, template_file);
    }
    if (!format_ && !eos_) {
        throw Error(
            Code::config, "eos_token is missing; plain responses must end with it", config_file);
    }
}

Ids FolderEncoder::read_end_ids() const {
    std::set<int64_t> ends;
    for (const char* name : {"config.json", "generation_config.json"}) {
        const std::string file = (fs::path(folder_) / name).string();
        if (!fs::exists(file)) {
            continue;
        }
        const nlohmann::json document = parse_json(read_text_file(file), file);
        const auto eos = JsonField(document, file).find("eos_token_id");
        if (eos && !eos->value().is_array()) {
            ends.insert(eos->whole());
        }
        for (size_t i = 0; eos && eos->value().is_array() && i < eos->value().size(); ++i) {
            ends.insert(eos->element(i).whole());
        }
    }
    for (const auto& token : {format_ ? format_->turn_end() : std::string(), eos_.value_or("")}) {
        if (const int64_t id = tokenizer_.id_of(token); id >= 0) {
            ends.insert(id);
        }
    }
    return {ends.begin(), ends.end()};
}

FolderEncoder::Texts FolderEncoder::render(std::span<const Message> prompt,
                                           const std::string& response) const {
    Texts texts;
    if (!format_) {
        for (const Message& message : prompt) {
            texts.prompt += message.content;
        }
        texts.full = texts.prompt + response;
        // A response that brings its own end keeps that one; two would be scored.
        if (response.size() < eos_->size() ||
            response.compare(response.size() - eos_->size(), eos_->size(), *eos_) != 0) {
            texts.full += *eos_;
        }
        return texts;
    }
    std::vector<Message> messages(prompt.begin(), prompt.end());
    if (messages.empty()) {
        messages.push_back({"", ""});
    }
    if (messages.size() == 1 && messages.front().role.empty()) {
        messages.front().role = "user";  // plain text is one user turn
    }
    texts.prompt = format_->render(messages, true);
    messages.push_back({"assistant", response});
    texts.full = format_->render(messages, false);
    return texts;
}

Ids FolderEncoder::encode_remembered(const std::string& text) const {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [known, ids] : remembered_) {
            if (known == text) {
                return ids;
            }
        }
    }
    Ids ids = tokenizer_.encode(text);
    const std::lock_guard lock(mutex_);
    remembered_.emplace_front(text, ids);
    if (remembered_.size() > kRememberedPrompts) {
        remembered_.pop_back();
    }
    return ids;
}

Encoded FolderEncoder::encode(std::span<const Message> prompt, const std::string& response) const {
    const Texts texts = render(prompt, response);
    Encoded out;
    Ids full;
    out.prompt_ids = encode_remembered(texts.prompt);
    const size_t border = border_.empty() ? std::string::npos : texts.prompt.rfind(border_);
    if (border != std::string::npos &&
        texts.full.compare(0, texts.prompt.size(), texts.prompt) == 0) {
        // Nothing merges across the mark: what stands before it has the prompt's ids in both texts.
        const size_t cut = border + border_.size();
        const size_t tail = tokenizer_.encode(std::string_view(texts.prompt).substr(cut)).size();
        full.assign(out.prompt_ids.begin(),
                    out.prompt_ids.end() - static_cast<std::ptrdiff_t>(tail));
        const Ids rest = tokenizer_.encode(std::string_view(texts.full).substr(cut));
        full.insert(full.end(), rest.begin(), rest.end());
    } else {
        full = tokenizer_.encode(texts.full);
    }
    const size_t shared = std::min(out.prompt_ids.size(), full.size());
    out.border_clean = shared == out.prompt_ids.size() &&
                       std::equal(out.prompt_ids.begin(), out.prompt_ids.end(), full.begin());
    out.response_ids.assign(full.begin() + static_cast<std::ptrdiff_t>(shared), full.end());
    if (!format_) {  // a template prints its own beginning
        const Ids& before = tokenizer_.special_ids().before;
        out.prompt_ids.insert(out.prompt_ids.begin(), before.begin(), before.end());
    }
    return out;
}

}  // namespace

std::unique_ptr<Encoder> open_encoder(const ModelRequest& request) {
    return std::make_unique<FolderEncoder>(request);
}

}  // namespace samara::host
