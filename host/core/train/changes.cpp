// Before and after; see changes.hpp.
#include "core/train/changes.hpp"

#include "core/store/files.hpp"
#include "core/train/step_stats.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <sstream>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Json> read_rows(const std::string& file) {
    std::vector<Json> rows;
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
        rows.push_back(Json::parse(line));
    }
    return rows;
}

std::string gaps_file(const std::string& folder, const std::string& set, int64_t step) {
    return folder + "/eval/" + set + "-step-" + std::to_string(step) + ".jsonl";
}

std::vector<std::string> parts_in(const Json& row) {
    return row.value("parts", std::vector<std::string>{});
}

/// "" for the whole tag, then its parts.
std::set<std::string> parts_of_tag(const std::vector<Json>& rows, const std::string& tag) {
    std::set<std::string> parts = {""};
    for (const Json& row : rows) {
        if (row["tag"] == tag) {
            for (const std::string& part : parts_in(row)) {
                parts.insert(part);
            }
        }
    }
    return parts;
}

bool belongs(const Json& row, const std::string& tag, const std::string& part) {
    const std::vector<std::string> parts = parts_in(row);
    return row["tag"] == tag &&
           (part.empty() || std::find(parts.begin(), parts.end(), part) != parts.end());
}

ChangeRow compare(const std::vector<Json>& before,
                  const std::vector<Json>& after,
                  const std::string& tag,
                  const std::string& part) {
    ChangeRow change;
    change.tag = tag;
    change.part = part;
    std::map<std::string, double> by_record;
    for (size_t r = 0; r < before.size(); ++r) {
        const double flip = before[r].value("flip", 0.0);
        const auto was = rightness(before[r]["gap"], flip), is = rightness(after[r]["gap"], flip);
        if (was && belongs(before[r], tag, part)) {
            ++change.relations;
            change.accuracy_before += *was;
            change.accuracy_after += *is;
            by_record[before[r]["record"]] += *is - *was;
        }
    }
    if (change.relations == 0) {
        return change;
    }
    const auto n = static_cast<double>(change.relations),
               clusters = static_cast<double>(by_record.size());
    const double mean = (change.accuracy_after - change.accuracy_before) / clusters;
    double squares = 0;
    for (const auto& [record, difference] : by_record) {
        squares += (difference - mean) * (difference - mean);
    }
    const double half =
        clusters > 1 ? 1.96 * std::sqrt(squares * clusters / (clusters - 1)) / n : 0.0;
    change.accuracy_before /= n;
    change.accuracy_after /= n;
    change.low = change.accuracy_after - change.accuracy_before - half;
    change.high = change.accuracy_after - change.accuracy_before + half;
    return change;
}

// Of a row of metrics.jsonl; NaN where it has none.
double metric(const std::vector<Json>& metrics,
              const std::string& set,
              int64_t step,
              const std::string& name) {
    for (const Json& row : metrics) {
        if (row.value("eval", "") == set && row["step"] == step && row.contains(name) &&
            row[name].is_number()) {
            return row[name];
        }
    }
    return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::vector<ChangeRow> changes_of(const std::string& run_folder,
                                  const std::vector<EvalSet>& sets,
                                  const std::vector<std::string>& tags,
                                  int64_t last) {
    std::vector<ChangeRow> changes;
    const std::vector<Json> metrics = read_rows(run_folder + "/metrics.jsonl");
    for (const EvalSet& set : sets) {
        if (!std::filesystem::exists(gaps_file(run_folder, set.name, last))) {
            continue;  // no preference in it is scored
        }
        // Without on_start nothing is known of before: the end stands in for the pairing.
        const std::vector<Json> before = read_rows(
                                    gaps_file(run_folder, set.name, set.on_start ? 0 : last)),
                                after = read_rows(gaps_file(run_folder, set.name, last));
        for (const std::string& tag : tags) {
            for (const std::string& part : parts_of_tag(before, tag)) {
                ChangeRow change = compare(before, after, tag, part);
                change.set = set.name;
                if (!set.on_start) {
                    change.accuracy_before = change.low = change.high =
                        std::numeric_limits<double>::quiet_NaN();
                }
                if (part.empty()) {
                    change.loss_before = metric(metrics, set.name, 0, "loss/" + tag);
                    change.loss_after = metric(metrics, set.name, last, "loss/" + tag);
                    const std::string name = "length_correlation/" + tag;
                    change.length_before = metric(metrics, set.name, 0, name);
                    change.length_after = metric(metrics, set.name, last, name);
                }
                if (change.relations == 0) {  // rows without pairs: there is a loss, or nothing
                    if (!std::isfinite(change.loss_before) && !std::isfinite(change.loss_after)) {
                        continue;
                    }
                    change.accuracy_before = change.accuracy_after = change.low = change.high =
                        std::numeric_limits<double>::quiet_NaN();
                }
                changes.push_back(change);
            }
        }
    }
    return changes;
}

Json to_json(const std::vector<ChangeRow>& changes) {
    Json rows = Json::array();
    for (const ChangeRow& c : changes) {
        Json row = {{"eval", c.set},
                    {"tag", c.tag},
                    {"relations", c.relations},
                    {"accuracy_before", c.accuracy_before},
                    {"accuracy_after", c.accuracy_after},
                    {"difference_low", c.low},
                    {"difference_high", c.high}};
        if (c.part.empty()) {
            row["loss_before"] = c.loss_before;
            row["loss_after"] = c.loss_after;
            row["length_correlation_before"] = c.length_before;
            row["length_correlation_after"] = c.length_after;
        } else {
            row["part"] = c.part;
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace samara::host
