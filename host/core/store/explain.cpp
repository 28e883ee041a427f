// Why a cache would or would not be reused: the difference to the nearest existing keys, for
// people. Declared in store.hpp; reads manifests only.
#include "core/store/store.hpp"

#include <algorithm>
#include <map>

namespace samara::host {
namespace {

constexpr size_t kNearest = 3;      // caches that are compared
constexpr size_t kValueChars = 40;  // of a value that is shown

std::string shorten(const std::string& value) {
    return value.size() <= kValueChars ? value : value.substr(0, kValueChars) + "...";
}

// "version=1;file=abc" -> {version: 1, file: abc}; the whole value under "" when it has another
// form.
std::map<std::string, std::string> pieces(const std::string& value) {
    std::map<std::string, std::string> out;
    size_t begin = 0;
    while (begin <= value.size()) {
        const size_t end = std::min(value.find(';', begin), value.size());
        const std::string piece = value.substr(begin, end - begin);
        const size_t equals = piece.find('=');
        if (equals == std::string::npos ||
            !out.emplace(piece.substr(0, equals), piece.substr(equals + 1)).second) {
            return {{"", value}};
        }
        begin = end + 1;
    }
    return out;
}

void compare_values(const std::string& name,
                    const std::string& was,
                    const std::string& now,
                    std::vector<std::string>& lines) {
    std::map<std::string, std::string> before = pieces(was);
    const std::map<std::string, std::string> after = pieces(now);
    if (before.contains("") || after.contains("")) {
        lines.push_back(name + ": was " + shorten(was) + ", is " + shorten(now));
        return;
    }
    for (const auto& [key, value] : after) {
        const auto old = before.find(key);
        if (old == before.end()) {
            lines.push_back(name + ": " + key + " is new: " + shorten(value));
        } else if (old->second != value) {
            lines.push_back(name + ": " + key + " was " + shorten(old->second) + ", is " +
                            shorten(value));
        }
        before.erase(key);
    }
    for (const auto& [key, value] : before) {
        lines.push_back(name + ": " + key + " is gone: " + shorten(value));
    }
}

// One line per difference; empty when equal.
std::vector<std::string> differences(const CacheKey& was, const CacheKey& now) {
    std::vector<std::string> lines;
    std::map<std::string, std::string> before;
    for (const KeyPart& part : was.parts) {
        before.emplace(part.name, part.value);
    }
    for (const KeyPart& part : now.parts) {
        const auto old = before.find(part.name);
        if (old == before.end()) {
            lines.push_back(part.name + ": is new");
            continue;
        }
        if (old->second != part.value) {
            compare_values(part.name, old->second, part.value, lines);
        }
        before.erase(old);
    }
    for (const auto& [name, value] : before) {
        lines.push_back(name + ": is gone");
    }
    if (lines.empty() && !(was.parts == now.parts)) {
        lines.emplace_back("the order of the parts");
    }
    return lines;
}

}  // namespace

std::vector<std::string> GroupStore::explain(const CacheKey& key) const {
    const std::string name = key.digest();
    struct Near {
        CacheEntry entry;
        std::vector<std::string> lines;
    };
    std::vector<Near> all;
    for (CacheEntry& entry : list()) {
        if (entry.name == name) {
            return {entry.problem.empty()
                        ? "cached and reused: " + entry.path
                        : "cached but damaged (" + entry.problem + "), rebuilt: " + entry.path};
        }
        if (entry.problem.empty()) {
            std::vector<std::string> lines = differences(entry.key, key);
            if (lines.empty()) {
                lines.emplace_back("the schema version of the store");
            }
            all.push_back({std::move(entry), std::move(lines)});
        }
    }
    if (all.empty()) {
        return {"not cached: " + folder_ + " holds no caches"};
    }
    std::stable_sort(all.begin(), all.end(), [](const Near& a, const Near& b) {
        return a.lines.size() < b.lines.size();
    });
    const size_t least = all.front().lines.size();
    std::vector<std::string> out{"not cached; what changed against the nearest:"};
    for (size_t n = 0; n < std::min(kNearest, all.size()) && all[n].lines.size() == least; ++n) {
        out.push_back(all[n].entry.name.substr(0, 12) + " (" + std::to_string(all[n].entry.groups) +
                      " groups)");
        for (const std::string& line : all[n].lines) {
            out.push_back("  " + line);
        }
    }
    return out;
}

}  // namespace samara::host
