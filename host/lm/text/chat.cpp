// Rendering a chat format; see chat.hpp.  chat_probe.cpp learns formats from templates.
#include "lm/text/chat.hpp"

#include "lm/text/jinja.hpp"
#include "runtime/error.hpp"

namespace samara::host {

namespace {

[[noreturn]] void refuse(size_t message, const std::string& what, const std::string& help) {
    throw Error(Code::data, "message " + std::to_string(message) + ": " + what, "", help);
}

std::string turn_text(const ChatTurn& turn, const std::string& content) {
    return turn.head + (turn.trim ? jinja::strip(content) : content) + turn.tail;
}

}  // namespace

std::string ChatFormat::render(std::span<const Message> messages,
                               bool add_generation_prompt) const {
    const std::map<std::string, const ChatTurn*> turns = {
        {"system", &system}, {"user", &user}, {"assistant", &assistant}, {"tool", &tool}};
    const bool begins_system =
        first_system.known && !messages.empty() && messages.front().role == "system";
    std::string out = begins_system && place == System::turn
                          ? turn_text(first_system, messages.front().content)
                          : opening;
    const size_t first = begins_system ? 1 : 0;
    for (size_t i = first; i < messages.size(); ++i) {
        const Message& message = messages[i];
        const auto turn = turns.find(message.role);
        const bool unlearned = i == 0 && message.role == "system";
        if (turn == turns.end() || !turn->second->known || unlearned) {
            std::string known;
            for (const auto& [role, about] : turns) {
                known += about->known ? (known.empty() ? "" : ", ") + role : "";
            }
            refuse(i,
                   "the chat format " + name + " has no role '" + message.role + "' here",
                   "its roles: " + known + (first_system.known ? "; system first" : ""));
        }
        const char* expected = (i - first) % 2 == 0 ? "user" : "assistant";
        if (alternates && message.role != expected) {
            refuse(i,
                   "role '" + message.role + "' is out of turn",
                   "in the chat format " + name + " user and assistant take turns, user first");
        }
        const bool carries = begins_system && message.role == "user" &&
                             ((place == System::first_user && i == first) ||
                              (place == System::last_user && i + 1 == messages.size()));
        out +=
            turn_text(*turn->second,
                      carries ? turn_text(first_system, messages.front().content) + message.content
                              : message.content);
    }
    return add_generation_prompt ? out + generation : out;
}

std::string ChatFormat::border() const {
    return name == "chatml" ? "<|im_start|>" : name == "llama3" ? "<|start_header_id|>" : "";
}

std::string ChatFormat::turn_end() const {
    return jinja::strip(assistant.tail);
}

std::string ChatFormat::describe() const {
    nlohmann::json all = {name, opening, place, generation, alternates};
    for (const ChatTurn* turn : {&first_system, &system, &user, &assistant, &tool}) {
        all.push_back({turn->known, turn->trim, turn->head, turn->tail});
    }
    return all.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace samara::host
