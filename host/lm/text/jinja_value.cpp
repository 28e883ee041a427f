// See jinja_value.hpp.
#include "lm/text/jinja_value.hpp"

#include "lm/text/utf8.hpp"

#include <algorithm>

namespace samara::host::jinja {

[[noreturn]] void unreadable(const std::string& what) {
    throw Unreadable(what);
}

bool truth(const Value& value) {
    if (value.is_discarded() || value.is_null()) {
        return false;
    }
    if (value.is_string()) {
        return !value.get_ref<const std::string&>().empty();
    }
    if (value.is_boolean()) {
        return value.get<bool>();
    }
    return value.is_number() ? value != 0 : !value.empty();
}

std::string text_of(const Value& value) {
    if (value.is_discarded()) {
        return "";
    }
    if (value.is_string()) {
        return value.get<std::string>();
    }
    if (value.is_null()) {
        return "None";
    }
    if (value.is_boolean()) {
        return value.get<bool>() ? "True" : "False";
    }
    if (!value.is_number_integer()) {
        unreadable("printing a list or a mapping");
    }
    return value.dump();
}

int64_t whole_of(const Value& value) {
    if (!value.is_number_integer()) {
        unreadable("arithmetic on what is no whole number");
    }
    return value.get<int64_t>();
}

Value item_of(const Value& value, const Value& key) {
    if (value.is_object() && key.is_string()) {
        const auto found = value.find(key.get<std::string>());
        return found == value.end() ? kUndefined : *found;
    }
    if (value.is_array() && key.is_number_integer()) {
        const auto size = static_cast<int64_t>(value.size());
        const int64_t at = key.get<int64_t>() + (key.get<int64_t>() < 0 ? size : 0);
        return at < 0 || at >= size ? kUndefined : value[static_cast<size_t>(at)];
    }
    if (value.is_discarded() || value.is_null() || value.is_string()) {
        unreadable("an item of what has no items");
    }
    return kUndefined;
}

Value slice_of(const Value& value, const std::vector<Value>& bounds) {
    if (!value.is_array()) {
        unreadable("a slice of what is no list");
    }
    const auto size = static_cast<int64_t>(value.size());
    const int64_t step = bounds.size() > 2 && !bounds[2].is_null() ? whole_of(bounds[2]) : 1;
    if (step == 0) {
        unreadable("a slice of step 0");
    }
    const auto bound = [&](size_t index, int64_t absent) {
        if (index >= bounds.size() || bounds[index].is_null()) {
            return absent;
        }
        const int64_t at = whole_of(bounds[index]);
        return std::clamp(at < 0 ? at + size : at,
                          step > 0 ? int64_t{0} : int64_t{-1},
                          step > 0 ? size : size - 1);
    };
    const int64_t end = bound(1, step > 0 ? size : -1);
    Value out = Value::array();
    for (int64_t at = bound(0, step > 0 ? 0 : size - 1); step > 0 ? at < end : at > end;
         at += step) {
        out.push_back(value[static_cast<size_t>(at)]);
    }
    return out;
}

bool contains(const Value& container, const Value& item) {
    if (container.is_string() && item.is_string()) {
        return container.get_ref<const std::string&>().find(item.get_ref<const std::string&>()) !=
               std::string::npos;
    }
    if (container.is_object() && item.is_string()) {
        return container.contains(item.get<std::string>());
    }
    if (!container.is_array()) {
        unreadable("'in' on what holds nothing");
    }
    return std::find(container.begin(), container.end(), item) != container.end();
}

bool passes(const std::string& test, const Value& value) {
    if (test == "defined" || test == "undefined") {
        return value.is_discarded() == (test == "undefined");
    }
    if (test == "none") {
        return value.is_null();
    }
    if (test == "string") {
        return value.is_string();
    }
    if (test == "mapping") {
        return value.is_object();
    }
    if (test == "boolean" || test == "true" || test == "false") {
        return value.is_boolean() && (test == "boolean" || value.get<bool>() == (test == "true"));
    }
    if (test == "iterable" || test == "sequence") {
        return !value.is_null() && !value.is_boolean() && !value.is_number();
    }
    if (test == "number" || test == "integer") {  // Python's bool is a number
        return value.is_number() || (value.is_boolean() && test == "number");
    }
    unreadable("the test '" + test + "'");
}

Value arithmetic(const std::string& sign, int64_t a, int64_t b) {
    int64_t out = 0;
    if (sign == "<" || sign == ">") {
        return sign == "<" ? a < b : a > b;
    }
    if (sign == "<=" || sign == ">=") {
        return sign == "<=" ? a <= b : a >= b;
    }
    if (sign == "+"   ? __builtin_add_overflow(a, b, &out)
        : sign == "-" ? __builtin_sub_overflow(a, b, &out)
        : sign == "*" ? __builtin_mul_overflow(a, b, &out)
                      : b <= 0 || a < 0) {
        unreadable("a number of this size");
    }
    return sign == "//" ? a / b : sign == "%" ? a % b : out;
}

Value call_method(const Value& self, const std::string& name, const std::vector<Value>& args) {
    if (self.is_object() && name == "get" && !args.empty()) {
        const Value found = item_of(self, args[0]);
        return !found.is_discarded() ? found : args.size() > 1 ? args[1] : Value(nullptr);
    }
    if (!self.is_string() || (!args.empty() && !args[0].is_string()) || args.size() > 1) {
        unreadable("the method '" + name + "'");
    }
    const std::string text = self.get<std::string>();
    const std::string arg = args.empty() ? "" : args[0].get<std::string>();
    const int ends = name == "strip" ? 3 : name == "lstrip" ? 1 : name == "rstrip" ? 2 : 0;
    if (ends != 0 && args.empty()) {
        return strip(text, ends);
    }
    const bool ascii = std::all_of(arg.begin(), arg.end(), [](char c) { return c >= 0; });
    if (ends != 0 && ascii) {
        const size_t begin = (ends & 1) != 0 ? text.find_first_not_of(arg) : 0;
        const size_t end = (ends & 2) != 0 ? text.find_last_not_of(arg) : text.size() - 1;
        return begin == std::string::npos || end == std::string::npos
                   ? ""
                   : text.substr(begin, end + 1 - begin);
    }
    if (name == "startswith" && !args.empty()) {
        return text.starts_with(arg);
    }
    if (name == "endswith" && !args.empty()) {
        return text.ends_with(arg);
    }
    if (name == "split" && !arg.empty()) {
        Value out = Value::array();
        size_t begin = 0;
        for (size_t at = text.find(arg); at != std::string::npos; at = text.find(arg, begin)) {
            out.push_back(text.substr(begin, at - begin));
            begin = at + arg.size();
        }
        out.push_back(text.substr(begin));
        return out;
    }
    unreadable("the method '" + name + "'");
}

std::string strip(std::string_view text, int ends) {
    // Python counts the four separators U+001C to U+001F as white space; the property does not.
    const auto separator = [](char c) { return c >= '\x1c' && c <= '\x1f'; };
    for (size_t cut = 1; cut > 0 && (ends & 1) != 0; text.remove_prefix(cut)) {
        cut = !text.empty() && separator(text.front()) ? 1 : space_at_start(text);
    }
    for (size_t cut = 1; cut > 0 && (ends & 2) != 0; text.remove_suffix(cut)) {
        cut = !text.empty() && separator(text.back()) ? 1 : space_at_end(text);
    }
    return std::string(text);
}

}  // namespace samara::host::jinja
