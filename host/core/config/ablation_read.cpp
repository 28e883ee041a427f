// Reading an ablation: its file and the command line; see ablation.hpp.
#include "core/config/ablation.hpp"
#include "core/config/document.hpp"
#include "runtime/error.hpp"
#include "runtime/params.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace samara::host {
namespace fs = std::filesystem;
namespace config {
namespace {

constexpr const char* kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,_=+-";
constexpr size_t kMaxArms = 1000;  // a slip of the keyboard, not an ablation

// A folder of that name lies beside the ablation's own files.
bool is_name(const std::string& text) {
    return text != "lock" && text != "ablation.json" && !text.starts_with("report.") &&
           !text.empty() && text.size() <= 100 && text.front() != '.' && text.front() != '-' &&
           text.find_first_not_of(kNameCharacters) == std::string::npos;
}

// "a,{b=1, c=2}" to its parts: commas inside brackets and quotes do not separate.
std::vector<std::string> split_values(const std::string& text) {
    std::vector<std::string> parts{""};
    int depth = 0;
    char quote = 0;
    for (const char c : text) {
        if (quote != 0 || c == '"' || c == '\'') {
            quote = quote == 0 ? c : c == quote ? '\0' : quote;
        } else {
            depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        }
        if (c == ',' && depth == 0 && quote == 0) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

/// One key of the matrix with the texts of its values.
struct Axis {
    std::string key;
    std::vector<Override> values;    ///< text: KEY=VALUE
    std::vector<std::string> names;  ///< of the values
};

// A value as a part of an arm's name: itself when it is short and plain, else its number.
std::string value_name(std::string value, const std::string& key, size_t index) {
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
        value = value.substr(1, value.size() - 2);
    }
    const std::string last = key.substr(key.rfind('.') + 1);
    return is_name(value) && value.size() <= 40 && value.find(',') == std::string::npos
               ? value
               : last + "-" + std::to_string(index + 1);
}

class Reader {
public:
    Reader(const AblationArguments& arguments, const Node& root, Problems& problems)
        : arguments_(arguments), root_(root), problems_(problems) {}

    Ablation read() {
        const bool own = root_.find("base") != nullptr;
        out_.base = fs::absolute(arguments_.file).lexically_normal().string();
        std::vector<Axis> axes;
        std::vector<Override> common;
        std::vector<Arm> arms;
        if (own) {
            check_keys();
            read_numbers();
            common = overrides_of("set");
            arms = read_arms();
            axes = read_matrix();
        }
        for (size_t i = 0; i < arguments_.vary.size(); ++i) {
            axes.push_back(vary_axis(arguments_.vary[i], i));
        }
        merge_arguments();
        if (arms.empty()) {
            arms.push_back({axes.empty() ? "base" : "", {}});
        }
        multiply(arms, axes);
        for (size_t i = 0; i < arguments_.set.size(); ++i) {
            last_.push_back({arguments_.set[i], "command line --set #" + std::to_string(i + 1)});
        }
        for (Arm& arm : arms) {
            std::vector<Override> all = common;
            all.insert(all.end(), arm.overrides.begin(), arm.overrides.end());
            all.insert(all.end(), last_.begin(), last_.end());
            arm.overrides = std::move(all);
        }
        out_.arms = std::move(arms);
        return std::move(out_);
    }

private:
    void check_keys() {
        static const std::vector<std::string> known = {
            "base", "output", "seeds", "jobs", "memory_gib", "set", "arms", "matrix"};
        for (const Entry& entry : *root_.table()) {
            if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
                const std::string near = nearest_key(entry.key, known);
                problems_.add(entry.at,
                              "unknown key '" + entry.key + "' in an ablation",
                              near.empty() ? "keys of the run stand under [set] or an arm"
                                           : "did you mean '" + near + "'?");
            }
        }
    }

    void expect(const Node& node, const std::string& key, const std::string& what) {
        problems_.add(node.at, key + ": expected " + what + ", got " + shown(node));
    }

    void read_numbers() {
        const Node& base = *root_.find("base");
        if (base.text() == nullptr || base.text()->empty()) {
            expect(base, "base", "the file of a run");
        } else {
            const fs::path folder = fs::path(out_.base).parent_path();
            out_.base = (folder / *base.text()).lexically_normal().string();
            if (!fs::is_regular_file(out_.base)) {
                problems_.add(base.at,
                              "base: no file '" + *base.text() + "'",
                              "looked at " + out_.base + "; the path is relative to this file");
            }
        }
        if (const Node* node = root_.find("output")) {
            if (node->text() == nullptr || node->text()->empty()) {
                expect(*node, "output", "a folder");
            } else {
                out_.output = fs::absolute(*node->text()).lexically_normal().string();
            }
        }
        if (const Node* node = root_.find("jobs")) {
            const auto* jobs = std::get_if<int64_t>(&node->value);
            if (jobs == nullptr || *jobs < 1 || *jobs > 1000) {
                expect(*node, "jobs", "an integer in [1, 1000]");
            } else {
                out_.jobs = *jobs;
            }
        }
        if (const Node* node = root_.find("memory_gib")) {
            const auto* whole = std::get_if<int64_t>(&node->value);
            const auto* number = std::get_if<double>(&node->value);
            out_.memory_gib = whole != nullptr    ? static_cast<double>(*whole)
                              : number != nullptr ? *number
                                                  : 0;
            if (!(out_.memory_gib > 0)) {
                expect(*node, "memory_gib", "a number above 0");
            }
        }
        read_seeds();
    }

    void read_seeds() {
        const Node* node = root_.find("seeds");
        if (node == nullptr) {
            return;
        }
        std::set<int64_t> seen;
        if (node->array() == nullptr || node->array()->empty()) {
            expect(*node, "seeds", "an array of seeds");
            return;
        }
        for (const Node& each : *node->array()) {
            const auto* seed = std::get_if<int64_t>(&each.value);
            if (seed == nullptr || *seed < 0) {
                expect(each, "seeds", "integers of at least 0");
            } else if (!seen.insert(*seed).second) {
                problems_.add(each.at, "seeds: " + std::to_string(*seed) + " is given twice");
            } else {
                out_.seeds.push_back(*seed);
            }
        }
    }

    // The keys below a table: dotted (a.b = 1) or quoted ("a.b" = 1); an inline table is a value.
    std::vector<Override> overrides_of(const Node& node, const std::string& path) {
        std::vector<Override> out;
        if (node.table() == nullptr || node.inline_table) {
            expect(node, path, "a table of keys and values");
            return out;
        }
        for (const auto& [key, leaf, at] : settings(node)) {
            out.push_back({key + "=" + inline_toml(*leaf), problems_.text(at)});
        }
        return out;
    }
    std::vector<Override> overrides_of(const std::string& key) {
        const Node* node = root_.find(key);
        return node == nullptr ? std::vector<Override>{} : overrides_of(*node, key);
    }

    // A quoted key with dots is a path as --set takes it: its quotes go.
    static std::vector<Leaf> settings(const Node& node) {
        std::vector<Leaf> out;
        for (const Leaf& leaf : leaves(node, true)) {
            if (!leaf.path.empty()) {
                const bool quoted = leaf.path.front() == '"' && leaf.path.back() == '"' &&
                                    leaf.path.find('"', 1) == leaf.path.size() - 1;
                out.push_back({quoted ? leaf.path.substr(1, leaf.path.size() - 2) : leaf.path,
                               leaf.node,
                               leaf.at});
            }
        }
        return out;
    }

    std::vector<Arm> read_arms() {
        const Node* node = root_.find("arms");
        std::vector<Arm> arms;
        if (node == nullptr) {
            return arms;
        }
        if (node->table() == nullptr || node->table()->empty()) {
            expect(*node, "arms", "tables [arms.NAME]");
            return arms;
        }
        std::vector<const Entry*> entries;  // as the file has them: the first is the control
        for (const Entry& entry : *node->table()) {
            entries.push_back(&entry);
        }
        std::stable_sort(entries.begin(), entries.end(), [](const Entry* a, const Entry* b) {
            return a->at < b->at;
        });
        for (const Entry* entry : entries) {
            if (!is_name(entry->key)) {
                problems_.add(entry->at,
                              "'" + entry->key + "' cannot be the name of an arm",
                              "letters, digits and .,_=+-, as in a folder's name");
            }
            arms.push_back({entry->key, overrides_of(entry->node, "arms." + entry->key)});
        }
        return arms;
    }

    std::vector<Axis> read_matrix() {
        std::vector<Axis> axes;
        const Node* node = root_.find("matrix");
        if (node == nullptr) {
            return axes;
        }
        if (node->table() == nullptr || node->inline_table) {
            expect(*node, "matrix", "a table of keys and lists of values");
            return axes;
        }
        for (const auto& [key, leaf, at] : settings(*node)) {
            if (leaf->array() == nullptr || leaf->array()->empty()) {
                expect(*leaf, "matrix " + key, "an array of values");
                continue;
            }
            Axis axis{key, {}, {}};
            for (const Node& value : *leaf->array()) {
                const std::string text = inline_toml(value);
                axis.names.push_back(value_name(text, key, axis.values.size()));
                axis.values.push_back({key + "=" + text, problems_.text(value.at)});
            }
            axes.push_back(std::move(axis));
        }
        return axes;
    }

    Axis vary_axis(const std::string& text, size_t number) {
        const std::string where = "command line --vary #" + std::to_string(number + 1);
        const size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw Error(Code::config,
                        "expected KEY=VALUE,VALUE,..., got '" + text + "'",
                        where,
                        "for example --vary objective.0.plugin=samara.ipo,samara.hinge");
        }
        Axis axis{text.substr(0, equals), {}, {}};
        for (const std::string& value : split_values(text.substr(equals + 1))) {
            axis.names.push_back(value_name(value, axis.key, axis.values.size()));
            axis.values.push_back({axis.key + "=" + value, where});
        }
        return axis;
    }

    void merge_arguments() {
        if (!arguments_.seeds.empty()) {
            out_.seeds = arguments_.seeds;
            const std::set<int64_t> seeds(out_.seeds.begin(), out_.seeds.end());
            if (seeds.size() != out_.seeds.size() || *seeds.begin() < 0) {
                throw Error(Code::config,
                            "expected different integers of at least 0",
                            "command line --seeds",
                            "for example --seeds 1,2,3");
            }
        }
        if (!arguments_.output.empty()) {
            out_.output = fs::absolute(arguments_.output).lexically_normal().string();
        }
        out_.jobs = arguments_.jobs > 0 ? arguments_.jobs : out_.jobs;
        out_.memory_gib = arguments_.memory_gib > 0 ? arguments_.memory_gib : out_.memory_gib;
        if (out_.seeds.empty()) {
            out_.seeds = {1, 2, 3};
        }
    }

    // Arms times axes; the later an axis, the faster it turns.
    void multiply(std::vector<Arm>& arms, const std::vector<Axis>& axes) {
        for (const Axis& axis : axes) {
            std::vector<Arm> product;
            for (const Arm& arm : arms) {
                for (size_t v = 0; v < axis.values.size(); ++v) {
                    const std::string last = axis.key.substr(axis.key.rfind('.') + 1);
                    const bool plain = axes.size() == 1 || axis.names[v].starts_with(last + "-");
                    const std::string name = (plain ? "" : last + "=") + axis.names[v];
                    product.push_back(
                        {arm.name + (arm.name.empty() ? "" : ",") + name, arm.overrides});
                    product.back().overrides.push_back(axis.values[v]);
                }
            }
            arms = std::move(product);
            if (arms.size() > kMaxArms) {
                throw Error(Code::config,
                            "more than " + std::to_string(kMaxArms) + " arms",
                            arguments_.file,
                            "shorten the lists of [matrix]");
            }
        }
        std::set<std::string> seen;
        for (const Arm& arm : arms) {
            if (!seen.insert(arm.name).second) {
                throw Error(Code::config,
                            "two arms are named '" + arm.name + "'",
                            arguments_.file,
                            "a value stands twice in a list");
            }
        }
    }

    const AblationArguments& arguments_;
    const Node& root_;
    Problems& problems_;
    Ablation out_;
    std::vector<Override> last_;
};

}  // namespace
}  // namespace config

Ablation read_ablation(const AblationArguments& arguments) {
    config::Problems problems(arguments.file);
    const std::optional<config::Node> root =
        config::parse_document(config::read_document(arguments.file), problems);
    if (!root) {
        problems.throw_if_any();
    }
    Ablation ablation = config::Reader(arguments, *root, problems).read();
    problems.throw_if_any();
    return ablation;
}

}  // namespace samara::host
