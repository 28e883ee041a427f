// See post_processor.hpp.
#include "lm/text/post_processor.hpp"

namespace samara::host {

namespace {

/// {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens":
/// {"<s>": {"ids": [1]}}}; "pair" is for two texts.
void read_template(const JsonField& field, PostProcessor& out) {
    field.only({"type", "single", "pair", "special_tokens"});
    if (!out.before.empty() || !out.after.empty()) {
        field.refuse(
            "a second TemplateProcessing is not read: `tokenizers` 0.23 ignores it; remove it");
    }
    const JsonField single = field.at("single");
    single.need_array();
    bool text = false;
    for (size_t i = 0; i < single.value().size(); ++i) {
        const JsonField item = single.element(i);
        item.only({"SpecialToken", "Sequence"});
        if (const auto sequence = item.find("Sequence")) {
            if (text || sequence->at("id").text() != "A") {
                item.refuse("one sequence 'A' is expected");
            }
            text = true;
            continue;
        }
        const std::string name = item.at("SpecialToken").at("id").text();
        const JsonField ids = field.at("special_tokens").at(name).at("ids");
        ids.need_array();
        for (size_t n = 0; n < ids.value().size(); ++n) {
            (text ? out.after : out.before).push_back(ids.element(n).whole());
        }
    }
    if (!text) {
        single.refuse("one sequence 'A' is expected");
    }
}

void read_into(const JsonField& field, PostProcessor& out) {
    const std::string type = field.at("type").text();
    if (type == "ByteLevel") {
        field.only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    } else if (type == "TemplateProcessing") {
        read_template(field, out);
    } else if (type == "Sequence") {
        field.only({"type", "processors"});
        const JsonField list = field.at("processors");
        list.need_array();
        for (size_t i = 0; i < list.value().size(); ++i) {
            read_into(list.element(i), out);
        }
    } else {
        field.at("type").refuse_value("only ByteLevel, TemplateProcessing and Sequence are read");
    }
}

}  // namespace

PostProcessor read_post_processor(const JsonField& field) {
    PostProcessor out;
    read_into(field, out);
    return out;
}

}  // namespace samara::host
