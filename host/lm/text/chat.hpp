// Chat formats: messages to the text that a model was tuned on, equal to what Jinja makes of the
// model's own template. There is no Jinja here: a template is normalised and recognised as a whole,
// or refused (template_shape.hpp).
#pragma once
#include "runtime/records.hpp"

#include <optional>
#include <span>
#include <string>

namespace samara::host {

/// ChatML: "<|im_start|>ROLE\nCONTENT<|im_end|>\n" per message, then "<|im_start|>assistant\n".
struct ChatFormat {
    std::string name = "chatml";
    /// Put in front as a system message when the first message is not one; absent: nothing is put
    /// in front.
    std::optional<std::string> default_system;

    /// Everything up to here is a border that ids do not cross (Tokenizer::is_safe_border).
    static constexpr const char* kBorder = "<|im_start|>";
    /// The token that ends a turn, and so a response.
    static constexpr const char* kTurnEnd = "<|im_end|>";

    /// Roles: system, user, assistant, tool.  Errors: data for any other, with the message's
    /// number.
    [[nodiscard]] std::string render(std::span<const Message> messages,
                                     bool add_generation_prompt) const;
};

/// The format that the template describes.  Errors: config if it is none of those known; `file` is
/// where it stands.
ChatFormat recognise_chat_template(const std::string& chat_template, const std::string& file);

}  // namespace samara::host
