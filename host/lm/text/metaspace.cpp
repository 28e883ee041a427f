// See metaspace.hpp.
#include "lm/text/metaspace.hpp"

#include "lm/text/utf8.hpp"

namespace samara::host {

std::string one_character(const JsonField& field) {
    std::string text = field.text();
    if (text.empty() || utf8_at(text, 0).length != text.size()) {
        field.refuse_value("one character is expected");
    }
    return text;
}

MetaspaceFields metaspace_fields(const JsonField& field) {
    field.only({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
    MetaspaceFields out;
    out.replacement = one_character(field.at("replacement"));
    out.split = field.flag("split", true);
    if (const auto scheme = field.find("prepend_scheme")) {
        const std::string name = scheme->text();
        if (name != "always" && name != "first" && name != "never") {
            scheme->refuse_value("\"always\", \"first\" or \"never\" is expected");
        }
        out.scheme = name == "always"  ? PrependScheme::always
                     : name == "first" ? PrependScheme::first
                                       : PrependScheme::never;
    }
    if (!field.flag("add_prefix_space", out.scheme != PrependScheme::never)) {
        if (field.find("prepend_scheme") && out.scheme != PrependScheme::never) {
            field.refuse("add_prefix_space contradicts prepend_scheme");
        }
        out.scheme = PrependScheme::never;
    }
    return out;
}

}  // namespace samara::host
