// Reading templates: tags, white space and statements; see jinja.hpp.
#include "lm/text/jinja_parser.hpp"

namespace samara::host::jinja {

namespace {

constexpr int kMaxBlocks = 64;  // bounds recursion: a template may come from anywhere

/// Cuts a source at its tags and builds the statements.
class Reader {
public:
    explicit Reader(const std::string& source) : source_(source) {}

    std::vector<Statement> run() {
        std::vector<Statement> program;
        if (const std::string left = block(program); !left.empty()) {
            throw Unreadable("'" + strip(left) + "' without a beginning");
        }
        return program;
    }

private:
    /// Statements up to one that ends or splits the enclosing one, whose code is returned.
    std::string block(std::vector<Statement>& out) {
        if (++depth_ > kMaxBlocks) {
            throw Unreadable("more than 64 nested blocks");
        }
        const std::string left = statements(out);
        --depth_;
        return left;
    }

    std::string statements(std::vector<Statement>& out) {
        while (at_ < source_.size()) {
            const size_t open = next_tag();
            std::string text = source_.substr(at_, open - at_);
            if (strip_next_) {
                text = strip(text, 1);
            } else if (trim_newline_ && !text.empty() && text[0] == '\n') {
                text.erase(0, 1);
            }
            strip_next_ = trim_newline_ = false;
            at_ = open;
            if (open == source_.size()) {
                // Jinja drops one newline at the very end (keep_trailing_newline is off).
                if (!text.empty() && text.back() == '\n') {
                    text.pop_back();
                }
                add_text(out, std::move(text));
                return "";
            }
            const char kind = source_[open + 1];
            const std::string code = tag(text);
            add_text(out, std::move(text));
            if (kind == '{') {
                Statement print;
                print.kind = Statement::Kind::print;
                print.values.push_back(Parser(code).whole());
                out.push_back(std::move(print));
            } else if (kind == '%' && !statement(code, out)) {
                return code;
            }
        }
        return "";
    }

    static void add_text(std::vector<Statement>& out, std::string text) {
        if (!text.empty()) {
            Statement statement;
            statement.text = std::move(text);
            out.push_back(std::move(statement));
        }
    }

    [[nodiscard]] size_t next_tag() const {
        for (size_t at = at_; at + 1 < source_.size(); ++at) {
            const char next = source_[at + 1];
            if (source_[at] == '{' && (next == '{' || next == '%' || next == '#')) {
                return at;
            }
        }
        return source_.size();
    }

    /// Reads the tag at `at_`, returns its code and takes from `before` what the tag swallows.
    std::string tag(std::string& before) {
        const size_t open = at_;
        const char kind = source_[open + 1];
        const std::string closing = kind == '{' ? "}}" : std::string(1, kind) + "}";
        size_t begin = open + 2;
        size_t end = find_close(begin, closing, kind == '#');
        at_ = end + 2;
        const char first = source_[begin];
        if (first == '-') {
            before = strip(before, 2);
        } else if (kind != '{' && first != '+') {
            strip_line_start(before, open);
        }
        begin += first == '-' || first == '+' ? 1 : 0;
        if (end > begin && source_[end - 1] == '-') {
            --end;
            strip_next_ = true;
        } else {
            trim_newline_ = kind != '{';
        }
        return source_.substr(begin, end - begin);
    }

    [[nodiscard]] size_t find_close(size_t at, const std::string& closing, bool comment) const {
        char quote = '\0';
        for (; at + 1 < source_.size(); ++at) {
            const char c = source_[at];
            if (quote != '\0') {
                at += c == '\\' ? 1 : 0;
                quote = c == quote ? '\0' : quote;
            } else if (!comment && (c == '\'' || c == '"')) {
                quote = c;
            } else if (source_.compare(at, 2, closing) == 0) {
                return at;
            }
        }
        throw Unreadable("a tag without an end");
    }

    // lstrip_blocks: blanks before a block are dropped if the line has nothing else before it.
    void strip_line_start(std::string& before, size_t open) const {
        size_t line = open;
        while (line > 0 && (source_[line - 1] == ' ' || source_[line - 1] == '\t')) {
            --line;
        }
        if (line == 0 || source_[line - 1] == '\n') {
            before.erase(before.find_last_not_of(" \t") + 1);
        }
    }

    /// False if the code ends or splits the enclosing statement.
    bool statement(const std::string& code, std::vector<Statement>& out) {
        Parser parser(code);
        Statement made;
        if (parser.take("set")) {
            made.kind = Statement::Kind::set;
            made.text = parser.name();
            if (parser.take(".")) {
                made.field = parser.name();
            }
            parser.need("=");
            made.values.push_back(parser.whole());
        } else if (parser.take("for")) {
            made = loop(parser);
        } else if (parser.take("if")) {
            made = branch(parser);
        } else {
            const std::string word = parser.name();
            if (word == "else" || word == "elif" || word == "endif" || word == "endfor") {
                return false;
            }
            throw Unreadable("the statement '" + word + "'");
        }
        out.push_back(std::move(made));
        return true;
    }

    Statement loop(Parser& parser) {
        Statement made;
        made.kind = Statement::Kind::loop;
        made.text = parser.name();
        while (parser.take(",")) {
            made.text += "," + parser.name();
        }
        parser.need("in");
        made.values.push_back(parser.disjunction());
        if (parser.take("if")) {
            made.values.push_back(parser.expression());
        }
        parser.finish();
        const std::string left = block(made.bodies.emplace_back());
        Parser end(left);
        if (!end.take("endfor")) {
            throw Unreadable("a loop without 'endfor'");
        }
        end.finish();
        return made;
    }

    Statement branch(Parser& parser) {
        Statement made;
        made.kind = Statement::Kind::branch;
        made.values.push_back(parser.whole());
        for (;;) {
            const std::string left = block(made.bodies.emplace_back());
            Parser next(left);
            if (next.take("elif") && made.bodies.size() == made.values.size()) {
                made.values.push_back(next.whole());
            } else if (next.take("endif")) {
                next.finish();
                return made;
            } else if (next.take("else") && made.bodies.size() == made.values.size()) {
                next.finish();
            } else {
                throw Unreadable("an 'if' without 'endif'");
            }
        }
    }

    const std::string& source_;
    size_t at_ = 0;
    int depth_ = 0;
    bool strip_next_ = false;    // the tag before ended in -}} or -%}
    bool trim_newline_ = false;  // trim_blocks
};

}  // namespace

std::vector<Statement> parse(const std::string& source) {
    if (source.find('\r') != std::string::npos) {
        throw Unreadable("a carriage return, which Jinja rewrites");
    }
    return Reader(source).run();
}

}  // namespace samara::host::jinja
