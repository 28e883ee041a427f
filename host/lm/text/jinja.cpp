// Running templates; see jinja.hpp.  Values are Python's as far as templates use them.
#include "lm/text/jinja.hpp"

#include "lm/text/utf8.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace samara::host::jinja {

namespace {

using Kind = Expression::Kind;
using Scopes = std::vector<std::map<std::string, Value>>;

const Value kUndefined(Value::value_t::discarded);

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

/// value[begin:end:step] of a list, as Python cuts it; bounds may be none.
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
        return value.is_array() || value.is_object() || value.is_string();
    }
    if (test == "number" || test == "integer") {
        return value.is_number() || value.is_boolean();
    }
    unreadable("the test '" + test + "'");
}

class Runner {
public:
    explicit Runner(const Value& globals) {
        auto& names = scopes_.emplace_back();
        for (const auto& [name, value] : globals.items()) {
            names[name] = value;
        }
    }

    void run(const std::vector<Statement>& program) {
        for (const Statement& statement : program) {
            switch (statement.kind) {
                case Statement::Kind::text:
                    out_ += statement.text;
                    break;
                case Statement::Kind::print:
                    out_ += text_of(evaluate(statement.values[0]));
                    break;
                case Statement::Kind::set:
                    assign(statement);
                    break;
                case Statement::Kind::branch: {
                    size_t at = 0;
                    while (at < statement.values.size() && !truth(evaluate(statement.values[at]))) {
                        ++at;
                    }
                    if (at < statement.bodies.size()) {
                        run(statement.bodies[at]);
                    }
                    break;
                }
                case Statement::Kind::loop:
                    loop(statement);
            }
            if (out_.size() > kMaxOutput || ++steps_ > kMaxSteps) {
                unreadable("a template that prints or does too much");
            }
        }
    }

    std::string out() { return std::move(out_); }

private:
    static constexpr size_t kMaxOutput = size_t{1} << 20U;
    static constexpr size_t kMaxSteps = 200'000;

    [[nodiscard]] Value* find(const std::string& name) {
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
            if (const auto found = scope->find(name); found != scope->end()) {
                return &found->second;
            }
        }
        return nullptr;
    }

    void assign(const Statement& statement) {
        Value value = evaluate(statement.values[0]);
        if (statement.field.empty()) {
            scopes_.back()[statement.text] = std::move(value);
            return;
        }
        Value* owner = find(statement.text);
        if (owner == nullptr || !owner->is_object()) {
            unreadable("a field of '" + statement.text + "'");
        }
        (*owner)[statement.field] = std::move(value);
    }

    void loop(const Statement& statement) {
        const Value list = evaluate(statement.values[0]);
        if (statement.text.find(',') != std::string::npos || !list.is_array()) {
            unreadable("a loop over what is no list");
        }
        std::vector<Value> items;
        for (const Value& item : list) {
            scopes_.emplace_back()[statement.text] = item;
            if (statement.values.size() < 2 || truth(evaluate(statement.values[1]))) {
                items.push_back(item);
            }
            scopes_.pop_back();
        }
        for (size_t i = 0; i < items.size(); ++i) {
            const bool last = i + 1 == items.size();
            Value about = {{"index", i + 1},
                           {"index0", i},
                           {"first", i == 0},
                           {"last", last},
                           {"length", items.size()}};
            if (i > 0) {
                about["previtem"] = items[i - 1];
            }
            if (!last) {
                about["nextitem"] = items[i + 1];
            }
            scopes_.emplace_back()[statement.text] = items[i];
            scopes_.back()["loop"] = std::move(about);
            run(statement.bodies[0]);
            scopes_.pop_back();
        }
    }

    Value evaluate(const Expression& e) {
        switch (e.kind) {
            case Kind::literal:
                return e.value;
            case Kind::name: {
                const Value* found = find(e.name);
                if (found == nullptr && e.name == "strftime_now") {
                    unreadable("today's date, on which the text would depend");
                }
                return found != nullptr ? *found : kUndefined;
            }
            case Kind::list:
            case Kind::dict:
                return collection(e);
            case Kind::item:
                return item_of(evaluate(e.args[0]), evaluate(e.args[1]));
            case Kind::slice: {
                std::vector<Value> bounds;
                for (size_t i = 1; i < e.args.size(); ++i) {
                    bounds.push_back(evaluate(e.args[i]));
                }
                return slice_of(evaluate(e.args[0]), bounds);
            }
            case Kind::call:
                return call(e);
            case Kind::filter:
                return filter(e);
            case Kind::test:
                return passes(e.name, evaluate(e.args[0]));
            case Kind::unary:
                return e.name == "not" ? Value(!truth(evaluate(e.args[0])))
                                       : Value(-whole_of(evaluate(e.args[0])));
            case Kind::either:
                if (truth(evaluate(e.args[0]))) {
                    return evaluate(e.args[1]);
                }
                return e.args.size() > 2 ? evaluate(e.args[2]) : kUndefined;
            case Kind::binary:
                break;
        }
        return binary(e);
    }

    Value collection(const Expression& e) {
        Value out = e.kind == Kind::list ? Value::array() : Value::object();
        for (size_t i = 0; i < e.args.size(); ++i) {
            if (e.kind == Kind::list) {
                out.push_back(evaluate(e.args[i]));
            } else {
                const std::string key = text_of(evaluate(e.args[i]));
                out[key] = evaluate(e.args[++i]);
            }
        }
        return out;
    }

    Value binary(const Expression& e) {
        const Value left = evaluate(e.args[0]);
        if (e.name == "and" || e.name == "or") {
            return truth(left) == (e.name == "or") ? left : evaluate(e.args[1]);
        }
        const Value right = evaluate(e.args[1]);
        if (e.name == "==" || e.name == "!=") {
            const bool undefined = left.is_discarded() || right.is_discarded();
            const bool equal =
                undefined ? left.is_discarded() && right.is_discarded() : left == right;
            return equal == (e.name == "==");
        }
        if (e.name == "in") {
            return contains(right, left);
        }
        if (e.name == "~") {
            return text_of(left) + text_of(right);
        }
        if (e.name == "+" && left.is_string() && right.is_string()) {
            return left.get<std::string>() + right.get<std::string>();
        }
        return arithmetic(e.name, whole_of(left), whole_of(right));
    }

    static Value arithmetic(const std::string& sign, int64_t a, int64_t b) {
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

    Value call(const Expression& e) {
        const Expression& callee = e.args[0];
        std::vector<Value> args;
        for (size_t i = 1; i < e.args.size(); ++i) {
            args.push_back(evaluate(e.args[i]));
        }
        if (callee.kind == Kind::name && callee.name == "raise_exception") {
            throw Raised(args.empty() ? "" : text_of(args[0]));
        }
        if (callee.kind == Kind::name && callee.name == "namespace") {
            Value out = Value::object();
            for (const auto& [key, value] : e.named) {
                out[key] = evaluate(value);
            }
            return out;
        }
        if (callee.kind != Kind::item || callee.args[1].kind != Kind::literal ||
            !callee.args[1].value.is_string()) {
            (void)evaluate(callee);
            unreadable("the function '" + callee.name + "'");
        }
        return method(evaluate(callee.args[0]), callee.args[1].value.get<std::string>(), args);
    }

    static Value method(const Value& self,
                        const std::string& name,
                        const std::vector<Value>& args) {
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
        if (ends != 0) {
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

    Value filter(const Expression& e) {
        const Value value = evaluate(e.args[0]);
        const std::string& name = e.name;
        if (name == "trim" && e.args.size() == 1) {
            return strip(text_of(value));
        }
        if (name == "length" || name == "count") {
            if (!value.is_array() && !value.is_object()) {
                unreadable("the length of what is no list");
            }
            return value.size();
        }
        if ((name == "first" || name == "last") && value.is_array()) {
            return item_of(value, name == "first" ? 0 : -1);
        }
        if (name == "string") {
            return text_of(value);
        }
        if (name == "list" && value.is_array()) {
            return value;
        }
        if (name == "default" && e.args.size() == 2) {
            return value.is_discarded() ? evaluate(e.args[1]) : value;
        }
        if ((name == "selectattr" || name == "rejectattr") && e.args.size() == 4 &&
            value.is_array()) {
            const std::string test = text_of(evaluate(e.args[2]));
            const Value wanted = evaluate(e.args[3]);
            Value out = Value::array();
            for (const Value& item : value) {
                const bool equal = item_of(item, evaluate(e.args[1])) == wanted;
                if (test != "equalto" && test != "==" && test != "eq") {
                    unreadable("the test '" + test + "'");
                }
                if (equal == (name == "selectattr")) {
                    out.push_back(item);
                }
            }
            return out;
        }
        unreadable("the filter '" + name + "'");
    }

    Scopes scopes_;
    std::string out_;
    size_t steps_ = 0;
};

}  // namespace

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

std::string render(const std::vector<Statement>& program, const Value& globals) {
    Runner runner(globals);
    runner.run(program);
    return runner.out();
}

}  // namespace samara::host::jinja
