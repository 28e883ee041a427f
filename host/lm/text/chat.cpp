// See chat.hpp.  The shapes below are those of the templates that ship with SmolLM2, Qwen1.5 and
// Qwen2 (with a default system text) and of plain ChatML; docs:
// huggingface.co/docs/transformers/chat_templating.
#include "lm/text/chat.hpp"

#include "lm/text/template_shape.hpp"
#include "runtime/error.hpp"

namespace samara::host {

namespace {

using Kind = TemplatePart::Kind;
using Parts = std::vector<TemplatePart>;

constexpr const char* kSystemHead = "<|im_start|>system\n";
constexpr const char* kEnd = "<|im_end|>\n";

bool has_at(const Parts& parts, size_t at, const Parts& wanted) {
    if (at + wanted.size() > parts.size()) {
        return false;
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
        if (parts[at + i] != wanted[i]) {
            return false;
        }
    }
    return true;
}

// The system text between ChatML's marks, if that is all the part prints.
std::optional<std::string> system_text(const TemplatePart& part) {
    const std::string head = kSystemHead;
    const std::string& text = part.content;
    const size_t tail = std::string(kEnd).size();
    if (part.kind != Kind::text || text.size() < head.size() + tail ||
        text.compare(0, head.size(), head) != 0 ||
        text.compare(text.size() - tail, tail, kEnd) != 0) {
        return std::nullopt;
    }
    return text.substr(head.size(), text.size() - head.size() - tail);
}

std::optional<ChatFormat> recognise_chatml(const Parts& parts) {
    // `transformers` always defines add_generation_prompt, so this opening does nothing.
    const Parts opening = {{Kind::statement, "if not add_generation_prompt is defined"},
                           {Kind::statement, "set add_generation_prompt = false"},
                           {Kind::statement, "endif"}};
    const Parts loop = {{Kind::statement, "for message in messages"}};
    const Parts when_no_system = {
        {Kind::statement, R"(if loop . first and messages [ 0 ] [ "role" ] != "system")"}};
    const Parts end_if = {{Kind::statement, "endif"}};
    const Parts message = {{Kind::text, "<|im_start|>"},
                           {Kind::value, R"(message [ "role" ])"},
                           {Kind::text, "\n"},
                           {Kind::value, R"(message [ "content" ])"},
                           {Kind::text, kEnd},
                           {Kind::statement, "endfor"},
                           {Kind::statement, "if add_generation_prompt"},
                           {Kind::text, "<|im_start|>assistant\n"},
                           {Kind::statement, "endif"}};
    ChatFormat format;
    size_t at = has_at(parts, 0, opening) ? opening.size() : 0;
    if (!has_at(parts, at, loop)) {
        return std::nullopt;
    }
    at += 1;
    if (has_at(parts, at, when_no_system) && has_at(parts, at + 2, end_if)) {
        format.default_system = system_text(parts[at + 1]);
        if (!format.default_system) {
            return std::nullopt;
        }
        at += 3;
    }
    if (!has_at(parts, at, message) || at + message.size() != parts.size()) {
        return std::nullopt;
    }
    return format;
}

}  // namespace

std::string ChatFormat::render(std::span<const Message> messages,
                               bool add_generation_prompt) const {
    std::string out;
    if (default_system && !messages.empty() && messages.front().role != "system") {
        out += kSystemHead + *default_system + kEnd;
    }
    for (size_t i = 0; i < messages.size(); ++i) {
        const Message& message = messages[i];
        if (message.role != "system" && message.role != "user" && message.role != "assistant" &&
            message.role != "tool") {
            throw Error(Code::data,
                        "message " + std::to_string(i) + ": unknown role '" + message.role + "'",
                        "",
                        "known roles: system, user, assistant, tool");
        }
        out += kBorder + message.role + "\n" + message.content + kEnd;
    }
    if (add_generation_prompt) {
        out += std::string(kBorder) + "assistant\n";
    }
    return out;
}

ChatFormat recognise_chat_template(const std::string& chat_template, const std::string& file) {
    std::string reason = "it is none of: ChatML, ChatML with a default system text";
    try {
        if (const auto format = recognise_chatml(shape_of_template(chat_template))) {
            return *format;
        }
    } catch (const std::string& unreadable) {
        reason = unreadable;
    }
    throw Error(Code::config,
                "chat_template is not one that is implemented: " + reason,
                file,
                "set [data] chat = \"never\" to train on plain text");
}

}  // namespace samara::host
