// Joins instructions to a prompt, behind join.hpp.
#include "join.hpp"

namespace samara::mapl {
namespace {

constexpr std::string_view kPrompt = "{prompt}", kInstructions = "{instructions}";

bool stands_once(const std::string& text, std::string_view what) {
    const size_t at = text.find(what);
    return at != std::string::npos && text.find(what, at + 1) == std::string::npos;
}

bool is_user(const Message& message) {
    return message.role.empty() || message.role == "user";
}

}  // namespace

Joining::Joining(const Params& params)
    : list_(params.string("join") == "list"),
      template_(params.string("template")),
      place_(params.string("place")) {
    if (!stands_once(template_, kPrompt) || !stands_once(template_, kInstructions)) {
        fail("template must hold {prompt} and {instructions}, each once");
    }
}

std::string Joining::weave(const std::string& content, const std::string& instructions) const {
    std::string out;
    for (size_t i = 0; i < template_.size();) {
        const std::string_view rest = std::string_view(template_).substr(i);
        if (rest.starts_with(kPrompt)) {
            out += content;
            i += kPrompt.size();
        } else if (rest.starts_with(kInstructions)) {
            out += instructions;
            i += kInstructions.size();
        } else {
            out += template_[i++];
        }
    }
    return out;
}

Messages Joining::apply(const Messages& prompt, std::span<const std::string> texts) const {
    std::string joined;
    for (size_t n = 0; n < texts.size(); ++n) {
        if (list_) {
            joined += (n == 0 ? "" : "\n") + std::to_string(n + 1) + ". " + texts[n];
        } else {
            joined += (n == 0 ? "" : " ") + texts[n];
        }
    }
    Messages out = prompt;
    if (place_ == "system" && out.front().role != "system") {
        out.insert(out.begin(), Message{"system", joined});
        for (Message& message : out) {
            message.role = message.role.empty() ? "user" : message.role;
        }
        return out;
    }
    const int64_t at = place_ == "system"      ? 0
                       : place_ == "last_user" ? last_user_message(out)
                                               : first_user_message(out);
    std::string& content = out[static_cast<size_t>(at)].content;
    content = weave(content, joined);
    return out;
}

int64_t last_user_message(const Messages& messages) {
    for (size_t n = messages.size(); n > 0; --n) {
        if (is_user(messages[n - 1])) {
            return static_cast<int64_t>(n) - 1;
        }
    }
    return -1;
}

int64_t first_user_message(const Messages& messages) {
    for (size_t n = 0; n < messages.size(); ++n) {
        if (is_user(messages[n])) {
            return static_cast<int64_t>(n);
        }
    }
    return -1;
}

}  // namespace samara::mapl
