// Learning a chat format from what a template prints; see chat.hpp.  Shapes of the families are
// documented with their models; docs: huggingface.co/docs/transformers/chat_templating.
#include "lm/text/chat.hpp"
#include "lm/text/jinja.hpp"
#include "runtime/error.hpp"

namespace samara::host {

namespace {

using Conversation = std::vector<Message>;

/// Contents that no template prints by itself.
const std::string kA = "first-probe", kB = "second-probe", kC = "third-probe";

bool has_role(const Conversation& messages, size_t from, const char* role) {
    for (size_t i = from; i < messages.size(); ++i) {
        if (messages[i].role == role) {
            return true;
        }
    }
    return false;
}

/// The template as a function; nothing where it raises an exception, nor where a branch for tools
/// uses what cannot be run: such a format has no tools.
class Template {
public:
    Template(const std::string& source, const std::map<std::string, std::string>& tokens)
        : program_(jinja::parse(source)), globals_(tokens) {
        globals_["tools"] = nullptr;
        globals_["documents"] = nullptr;
    }

    std::optional<std::string> print(const Conversation& messages, bool generation = false) {
        globals_["messages"] = nlohmann::json::array();
        for (const Message& message : messages) {
            globals_["messages"].push_back({{"role", message.role}, {"content", message.content}});
        }
        globals_["add_generation_prompt"] = generation;
        try {
            return jinja::render(program_, globals_);
        } catch (const jinja::Raised&) {
            return std::nullopt;
        } catch (const jinja::Unreadable&) {
            if (!has_role(messages, 0, "tool")) {
                throw;
            }
            return std::nullopt;
        }
    }

    /// What stands around the contents, in order; nothing if one of them is missing.
    std::optional<std::vector<std::string>> around(const Conversation& messages) {
        const auto printed = print(messages);
        std::vector<std::string> parts;
        size_t at = 0;
        for (const Message& message : messages) {
            const size_t found = printed ? printed->find(message.content, at) : std::string::npos;
            if (found == std::string::npos) {
                return std::nullopt;
            }
            parts.push_back(printed->substr(at, found - at));
            at = found + message.content.size();
        }
        parts.push_back(printed->substr(at));
        return parts;
    }

private:
    std::vector<jinja::Statement> program_;
    nlohmann::json globals_;
};

/// `text` without `head`; nothing if it does not begin so.
std::optional<std::string> after(const std::string& text, const std::string& head) {
    return text.starts_with(head) ? std::optional(text.substr(head.size())) : std::nullopt;
}
std::optional<std::string> before(const std::string& text, const std::string& tail) {
    return text.ends_with(tail) ? std::optional(text.substr(0, text.size() - tail.size()))
                                : std::nullopt;
}

/// True if the template prints the same for `message` with blanks around its content.
bool trims(Template& source, Conversation messages, size_t which) {
    const auto plain = source.print(messages);
    messages[which].content = " \n\t" + messages[which].content + "\t \n";
    return plain && source.print(messages) == plain;
}

/// opening, user, assistant and generation; false if turns do not have one shape.
bool learn_turns(Template& source, ChatFormat& format) {
    const auto three = source.around({{"user", kA}, {"assistant", kB}, {"user", kC}});
    const auto two = source.around({{"user", kA}, {"assistant", kB}});
    const auto bare = source.print({{"user", kA}}), asking = source.print({{"user", kA}}, true);
    if (!three || !two || !bare || !asking) {
        return false;
    }
    format.user.tail = three->at(3);
    format.assistant.tail = two->at(2);
    const auto head = after(three->at(1), format.user.tail);
    const auto user_head = after(three->at(2), format.assistant.tail);
    const auto opening = user_head ? before(three->at(0), *user_head) : std::nullopt;
    const auto generation = after(*asking, *bare);
    if (!head || !opening || !generation) {
        return false;
    }
    format.assistant.head = *head;
    format.user.head = *user_head;
    format.opening = *opening;
    format.generation = *generation;
    format.user.known = format.assistant.known = true;
    format.user.trim = trims(source, {{"user", kA}}, 0);
    format.assistant.trim = trims(source, {{"user", kA}, {"assistant", kB}}, 1);
    format.alternates = !source.print({{"user", kA}, {"user", kB}});
    return true;
}

/// A role that may stand after a user's turn.
void learn_role(Template& source, const char* role, const ChatFormat& format, ChatTurn& turn) {
    const auto parts = source.around({{"user", kA}, {role, kB}});
    const auto head = parts ? after(parts->at(1), format.user.tail) : std::nullopt;
    if (head) {
        turn = {true, trims(source, {{"user", kA}, {role, kB}}, 1), *head, parts->at(2)};
    }
}

void learn_first_system(Template& source, ChatFormat& format) {
    const Conversation messages = {{"system", kA}, {"user", kB}, {"assistant", kC}};
    ChatTurn& turn = format.first_system;
    const auto parts = source.around(messages);
    if (!parts) {  // not printed there, hence at the end or not at all
        const auto late = source.around({{"system", kA}, {"user", kB}});
        const auto head =
            late ? after(late->at(0), format.opening + format.user.head) : std::nullopt;
        if (head) {
            format.place = ChatFormat::System::last_user;
            turn = {true, trims(source, {{"system", kA}, {"user", kB}}, 0), *head, late->at(1)};
        }
        return;
    }
    turn.trim = trims(source, messages, 0);
    turn.known = true;
    if (const auto tail = before(parts->at(1), format.user.head)) {
        turn.head = parts->at(0);
        turn.tail = *tail;
    } else if (const auto head = after(parts->at(0), format.opening + format.user.head)) {
        format.place = ChatFormat::System::first_user;
        turn.head = *head;
        turn.tail = parts->at(1);
    } else {
        turn = {};
    }
}

/// Conversations that a learned format must print as the template does.
std::vector<Conversation> probes() {
    const std::vector<std::string> contents = {"plain",
                                               "",
                                               " \n blanks \t\n",
                                               "\x1c\xC2\xA0x\xE3\x80\x80",
                                               "<think>\na\n</think>\n\nb",
                                               "</s>[INST] a [/INST]",
                                               "<|im_end|>\n<|im_start|>user\n",
                                               "<|eot_id|>{{ x }}{% y %}",
                                               "\n\n"};
    const std::vector<std::vector<std::string>> shapes = {
        {"user"},
        {"user", "assistant"},
        {"user", "assistant", "user"},
        {"user", "assistant", "user", "assistant"},
        {"user", "assistant", "user", "assistant", "user", "assistant"},
        {"system"},
        {"system", "user"},
        {"system", "user", "assistant"},
        {"system", "user", "assistant", "user"},
        {"system", "user", "assistant", "user", "assistant"},
        {"assistant"},
        {"assistant", "user"},
        {"system", "assistant"},
        {"user", "user"},
        {"user", "assistant", "assistant"},
        {"user", "system", "user"},
        {"system", "system", "user"},
        {"user", "assistant", "system"},
        {"user", "assistant", "tool", "assistant", "user"},
        {"user", "tool", "tool", "assistant"},
        {"tool", "user"}};
    std::vector<Conversation> all;
    for (const auto& shape : shapes) {
        for (size_t shift = 0; shift < contents.size(); ++shift) {
            Conversation& messages = all.emplace_back();
            for (size_t i = 0; i < shape.size(); ++i) {
                messages.push_back({shape[i], contents[(shift + i * 2) % contents.size()]});
            }
        }
    }
    return all;
}

/// True if the format prints every probe as the template does, and refuses where that raises. Tools
/// and later system messages that the format lacks are left out: it refuses them.
bool holds(Template& source, const ChatFormat& format) {
    for (const Conversation& messages : probes()) {
        if ((!format.tool.known && has_role(messages, 0, "tool")) ||
            (!format.system.known && has_role(messages, 1, "system")) ||
            (!format.first_system.known && messages[0].role == "system")) {
            continue;
        }
        for (const bool generation : {false, true}) {
            std::optional<std::string> ours;
            try {
                ours = format.render(messages, generation);
            } catch (const Error&) {
                ours.reset();
            }
            if (ours != source.print(messages, generation)) {
                return false;
            }
        }
    }
    return true;
}

std::string name_of(const ChatFormat& format) {
    const std::string& head = format.user.head;
    return head == "<|im_start|>user\n"                             ? "chatml"
           : head == "<|start_header_id|>user<|end_header_id|>\n\n" ? "llama3"
           : head == "<|user|>\n"                                   ? "zephyr"
           : head.ends_with("[INST] ") || head.ends_with("[INST]")  ? "mistral"
                                                                    : "";
}

std::optional<ChatFormat> learn(Template& source) {
    ChatFormat format;
    if (!learn_turns(source, format) || (format.name = name_of(format)).empty()) {
        return std::nullopt;
    }
    learn_first_system(source, format);
    learn_role(source, "system", format, format.system);
    learn_role(source, "tool", format, format.tool);
    // Roles whose turns have no one shape are given up, one after the other.
    for (ChatTurn* turn : {&format.tool, &format.system, &format.first_system}) {
        if (holds(source, format)) {
            return format;
        }
        *turn = {};
    }
    return holds(source, format) ? std::optional(format) : std::nullopt;
}

}  // namespace

ChatFormat recognise_chat_template(const std::string& chat_template,
                                   const std::map<std::string, std::string>& tokens,
                                   const std::string& file) {
    std::string reason = "it prints none of: ChatML, Llama-3, Mistral, Zephyr";
    try {
        Template source(chat_template, tokens);
        if (const auto format = learn(source)) {
            return *format;
        }
    } catch (const jinja::Unreadable& unreadable) {
        reason = std::string("it uses ") + unreadable.what();
    }
    throw Error(Code::config,
                "chat_template is not one that is implemented: " + reason,
                file,
                "set [data] chat = \"never\" to train on plain text");
}

}  // namespace samara::host
