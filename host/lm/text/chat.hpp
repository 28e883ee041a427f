// Chat formats: messages to the text that a model was tuned on, equal to what Jinja makes of the
// model's own template.  A format is a few strings, learned from what the template prints for probe
// conversations and then held to its output on many more; a template that prints anything else is
// refused (jinja.hpp runs it; texts to tokenise never pass through it).
#pragma once
#include "runtime/records.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>

namespace samara::host {

/// What stands around one message's content.
struct ChatTurn {
    bool known = false;  ///< false: the format has no such turn
    bool trim = false;   ///< the content loses the white space at its ends, as by str.strip()
    std::string head, tail;
    bool operator==(const ChatTurn&) const = default;
};

struct ChatFormat {
    /// Where the first message goes if it is a system message.
    enum class System {
        turn,        ///< a turn of its own
        first_user,  ///< between the head and the content of the first user turn
        last_user,   ///< the same in the last message, if that is a user's; else it is left out
    };

    std::string name;     ///< "chatml" | "llama3" | "mistral" | "zephyr"
    std::string opening;  ///< before the first turn; a default system text is part of it
    System place = System::turn;
    ChatTurn first_system;  ///< with the opening that belongs to it where it is a turn
    ChatTurn system;        ///< a later system message
    ChatTurn user, assistant, tool;
    std::string generation;   ///< what asks for an answer, after the last turn
    bool alternates = false;  ///< users and assistants must take turns, a user first

    /// Errors: data for a role that the format does not have or that is out of turn, with the
    /// message's number.
    [[nodiscard]] std::string render(std::span<const Message> messages,
                                     bool add_generation_prompt) const;

    /// A special token that begins every turn: everything up to it is a border that ids do not
    /// cross (Tokenizer::is_safe_border).  Empty: none is known.
    [[nodiscard]] std::string border() const;

    /// The token that ends a turn, and so a response.
    [[nodiscard]] std::string turn_end() const;

    /// All fields in one string, for fingerprints.
    [[nodiscard]] std::string describe() const;
};

/// The format of a template.  `tokens` are the special tokens that it may print, by name:
/// {"bos_token": "<s>", ...}.  Errors: config if it is none of those known; `file` is where it
/// stands.
ChatFormat recognise_chat_template(const std::string& chat_template,
                                   const std::map<std::string, std::string>& tokens,
                                   const std::string& file);

}  // namespace samara::host
