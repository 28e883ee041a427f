// See json_field.hpp.
#include "lm/text/json_field.hpp"

#include "runtime/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace samara::host {

std::string read_text_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw Error(Code::io, std::string("cannot open the file: ") + std::strerror(errno), path);
    }
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (file.bad()) {
        throw Error(Code::io, "cannot read the file", path);
    }
    return text;
}

nlohmann::json parse_json(const std::string& text, const std::string& file) {
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
        throw Error(Code::corrupt, "not JSON at byte " + std::to_string(error.byte), file);
    }
}

void JsonField::refuse(const std::string& reason, const std::string& help) const {
    throw Error(Code::config, (path_.empty() ? "" : path_ + ": ") + reason, *file_, help);
}

void JsonField::refuse_value(const std::string& expected) const {
    std::string shown = value_->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (shown.size() > 80) {
        shown = shown.substr(0, 77) + "...";
    }
    throw Error(Code::config, path_ + " is " + shown + "; " + expected, *file_);
}

std::optional<JsonField> JsonField::find(std::string_view key) const {
    need_object();
    const auto found = value_->find(std::string(key));
    if (found == value_->end() || found->is_null()) {
        return std::nullopt;
    }
    return JsonField(*found, *file_, (path_.empty() ? "" : path_ + ".") + std::string(key));
}

JsonField JsonField::at(std::string_view key) const {
    const auto found = find(key);
    if (!found) {
        refuse("the field '" + std::string(key) + "' is missing");
    }
    return *found;
}

JsonField JsonField::element(size_t index) const {
    return {value_->at(index), *file_, path_ + "[" + std::to_string(index) + "]"};
}

std::string JsonField::text() const {
    if (!value_->is_string()) {
        refuse_value("a string is expected");
    }
    return value_->get<std::string>();
}

bool JsonField::flag(std::string_view key, bool absent) const {
    const auto found = find(key);
    if (found && !found->value_->is_boolean()) {
        found->refuse_value("true or false is expected");
    }
    return found ? found->value_->get<bool>() : absent;
}

int64_t JsonField::whole() const {
    if (!value_->is_number_unsigned() || value_->get<uint64_t>() > INT64_MAX) {
        refuse_value("an integer of 0 or more is expected");
    }
    return value_->get<int64_t>();
}

void JsonField::need_object() const {
    if (!value_->is_object()) {
        path_.empty() ? refuse("an object is expected") : refuse_value("an object is expected");
    }
}

void JsonField::need_array() const {
    if (!value_->is_array()) {
        refuse_value("an array is expected");
    }
}

void JsonField::only(std::initializer_list<std::string_view> keys) const {
    need_object();
    for (const auto& [key, value] : value_->items()) {
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
            refuse("unknown field '" + key + "'");
        }
    }
}

void JsonField::need_off(std::string_view key) const {
    const auto found = find(key);
    if (found && *found->value_ != false && *found->value_ != "") {
        found->refuse_value("it must be off (null, false or empty)");
    }
}

}  // namespace samara::host
