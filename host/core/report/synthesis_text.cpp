// The counts of a synthesis as tables for people; see synthesis.hpp.
#include "core/report/synthesis.hpp"
#include "core/report/tables.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::string percent(int64_t part, int64_t all) {
    return all == 0 ? "-" : fixed(100 * static_cast<double>(part) / static_cast<double>(all), 1);
}

std::string types_table(const Json& types) {
    Rows rows;
    for (const auto& [id, row] : types.items()) {
        const auto n = [&row = row](const char* key) { return row.value(key, int64_t{0}); };
        const int64_t plain = n("plain_true") + n("plain_false");
        const int64_t opposite = n("opposite_true") + n("opposite_false");
        rows.push_back({id,
                        std::to_string(plain + opposite),
                        percent(n("plain_true") + n("opposite_true"), plain + opposite),
                        std::to_string(plain),
                        percent(n("plain_true"), plain),
                        std::to_string(opposite),
                        percent(n("opposite_true"), opposite),
                        std::to_string(n("carried"))});
    }
    std::sort(rows.begin(), rows.end());
    return text_table(
        {"type", "added", "true %", "plain", "true %", "opposite", "true %", "record's own"}, rows);
}

/// {"a": 3, "b": 4} -> "a 3, b 4", by count.
std::string list_of(const Json& counts, size_t most = 1000) {
    std::vector<std::pair<int64_t, std::string>> sorted;
    for (const auto& [key, n] : counts.items()) {
        sorted.emplace_back(-n.get<int64_t>(), key);
    }
    std::sort(sorted.begin(), sorted.end());
    std::string out;
    for (size_t i = 0; i < std::min(most, sorted.size()); ++i) {
        out += (i == 0 ? "" : ", ") + sorted[i].second + " " + std::to_string(-sorted[i].first);
    }
    return out +
           (sorted.size() > most ? ", and " + std::to_string(sorted.size() - most) + " more" : "");
}

}  // namespace

std::string synthesis_text(const std::string& counts) {
    const Json all = Json::parse(counts);
    if (!all.contains("types")) {
        return "";
    }
    std::string out = types_table(all["types"]) + "\n";
    Rows tags;
    for (const auto& [tag, row] : all["tags"].items()) {
        tags.push_back({tag, list_of(row["patterns"]), list_of(row["conditions"])});
    }
    out += text_table({"tag", "patterns", "conditions"}, tags) +
           "\nsatisfied of asked, better side first:\n";
    for (const auto& [tag, row] : all["truths"].items()) {
        out += "  " + tag + ": " + list_of(row, 16) + "\n";
    }
    for (const auto& [tag, row] : all["lengths"].items()) {
        const auto n = [&row = row](const char* key) { return row.value(key, int64_t{0}); };
        const int64_t pairs = n("longer") + n("shorter") + n("equal");
        out += "length of the better prompt (" + tag + "): longer in " +
               percent(n("longer"), pairs) + " %, shorter in " + percent(n("shorter"), pairs) +
               " %; " + fixed(static_cast<double>(n("words")) / static_cast<double>(pairs), 2) +
               " words more on average\n";
    }
    if (!all["discarded"].empty()) {
        out += "draws discarded: " + list_of(all["discarded"], 20) + "\n";
    }
    return out;
}

}  // namespace samara::host
