// Names that are not in the schema: unknown keys and sections, and what was probably meant; see
// bind.hpp.
#include "core/config/bind.hpp"
#include "core/config/config.hpp"
#include "runtime/params.hpp"

#include <algorithm>

namespace samara::host::config {
namespace {

std::string join(const std::vector<std::string>& parts) {
    std::string out;
    for (size_t i = 0; i < parts.size(); ++i) {
        out += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
    }
    return out;
}

// Titles of the sections other than `here` (may be null) that have this key.
std::vector<std::string> owners(const std::string& key, const Section* here) {
    std::vector<std::string> titles;
    for (const Section& section : schema()) {
        if (&section != here && section.find(key) != nullptr) {
            titles.push_back(title(section));
        }
    }
    return titles;
}

std::vector<std::string> all_keys(const Section* here, bool own) {
    std::vector<std::string> names;
    for (const Section& section : schema()) {
        for (const Key& key : section.keys) {
            if ((&section == here) == own &&
                std::find(names.begin(), names.end(), key.name) == names.end()) {
                names.emplace_back(key.name);
            }
        }
    }
    return names;
}

std::string suggest_elsewhere(const std::string& key, const Section* here) {
    const std::string far = nearest_key(key, all_keys(here, false));
    return far.empty() ? "" : "did you mean '" + far + "' under " + join(owners(far, here)) + "?";
}

}  // namespace

std::string suggest(const std::string& key,
                    const Section& here,
                    const std::vector<std::string>& params) {
    if (std::find(params.begin(), params.end(), key) != params.end()) {
        return "'" + key + "' is a parameter of the plugin: params = { " + key + " = ... }";
    }
    const std::vector<std::string> exact = owners(key, &here);
    if (!exact.empty()) {
        return "'" + key + "' belongs under " + join(exact);
    }
    const std::string near = nearest_key(key, all_keys(&here, true));
    return near.empty() ? suggest_elsewhere(key, &here) : "did you mean '" + near + "'?";
}

void check_top_level(const Node& root, Problems& problems) {
    std::vector<std::string> names;
    for (const Section& section : schema()) {
        if (std::string(section.name).find('.') == std::string::npos) {
            names.emplace_back(section.name);
        }
    }
    for (const Entry& entry : *root.table()) {
        if (std::find(names.begin(), names.end(), entry.key) != names.end()) {
            continue;
        }
        const bool is_section = entry.node.table() != nullptr || entry.node.array() != nullptr;
        const std::vector<std::string> exact = owners(entry.key, nullptr);
        const std::string near = nearest_key(entry.key, names);
        if (entry.key == "base" || entry.key == "arms" || entry.key == "matrix" ||
            entry.key == "seeds") {
            problems.add(entry.at,
                         "'" + entry.key + "' belongs to an ablation, not to a run",
                         "samara ablate FILE");
        } else if (!exact.empty()) {
            problems.add(entry.at,
                         "unknown key '" + entry.key + "' outside of any section",
                         "'" + entry.key + "' belongs under " + join(exact));
        } else if (is_section || !near.empty()) {
            problems.add(entry.at,
                         "unknown section '" + entry.key + "'",
                         near.empty() ? "sections: " + join(names)
                                      : "did you mean " + title(section(near)) + "?");
        } else {
            problems.add(entry.at,
                         "unknown key '" + entry.key + "' outside of any section",
                         suggest_elsewhere(entry.key, nullptr));
        }
    }
}

}  // namespace samara::host::config

namespace samara::host {

void check_tags(const Plan& plan, const std::vector<std::string>& known_tags) {
    std::string known;
    for (const std::string& tag : known_tags) {
        known += (known.empty() ? "'" : ", '") + tag + "'";
    }
    std::vector<Problem> problems;
    for (size_t i = 0; i < plan.objectives.size(); ++i) {
        for (const auto& [tag, weight] : plan.objectives[i].tags) {
            if (std::find(known_tags.begin(), known_tags.end(), tag) == known_tags.end()) {
                const std::string near = nearest_key(tag, known_tags);
                problems.push_back({Code::config,
                                    "objective." + std::to_string(i) +
                                        ".tags: no synthesizer emits tag '" + tag + "'",
                                    plan.objectives[i].tags_where,
                                    (near.empty() ? "" : "did you mean '" + near + "'? ") +
                                        ("tags of this run: " + (known.empty() ? "none" : known))});
            }
        }
    }
    if (!problems.empty()) {
        throw Error(std::move(problems));
    }
}

}  // namespace samara::host
