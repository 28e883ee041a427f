// Running templates; see jinja.hpp.
#include "lm/text/jinja_value.hpp"

#include <map>

namespace samara::host::jinja {

namespace {

using Kind = Expression::Kind;
using Scopes = std::vector<std::map<std::string, Value>>;

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
                           {"revindex", items.size() - i},
                           {"revindex0", items.size() - i - 1},
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
        if (!e.named.empty() || callee.kind != Kind::item || callee.args[1].kind != Kind::literal ||
            !callee.args[1].value.is_string()) {
            (void)evaluate(callee);
            unreadable("the function '" + callee.name + "'");
        }
        return call_method(evaluate(callee.args[0]), callee.args[1].value.get<std::string>(), args);
    }

    Value filter(const Expression& e) {
        const Value value = evaluate(e.args[0]);
        const std::string& name = e.name;
        if (!e.named.empty()) {
            unreadable("the filter '" + name + "' with named arguments");
        }
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

std::string render(const std::vector<Statement>& program, const Value& globals) {
    Runner runner(globals);
    runner.run(program);
    return runner.out();
}

}  // namespace samara::host::jinja
