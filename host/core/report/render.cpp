// A report as text, JSON and CSV; see render.hpp.
#include "core/report/render.hpp"

#include "core/report/metrics.hpp"
#include "core/report/tables.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace samara::host {
namespace {

using Json = nlohmann::ordered_json;

std::string percent(double fraction) {
    return fixed(100 * fraction, 1);
}

Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json();
}

Json recorded(double value) {
    return value < 0 ? Json() : number(value);
}

std::string count_text(double value) {
    return std::isfinite(value) && value >= 0 ? grouped(std::llround(value)) : "-";
}

// Whole tags, or their parts.
std::string results_table(const Report& report, bool parts) {
    std::vector<std::vector<std::string>> rows;
    for (const Cell& cell : report.cells) {
        if (cell.slice.part.empty() == parts) {
            continue;
        }
        const Difference* d = cell.difference ? &*cell.difference : nullptr;
        std::vector<std::string> row = {cell.set, cell.slice.tag};
        if (parts) {
            row.push_back(cell.slice.part);
        }
        row.insert(row.end(),
                   {report.arms[cell.arm].name,
                    seeds_text(cell),
                    grouped(cell.relations),
                    percent(cell.mean),
                    percent(cell.sd),
                    d == nullptr ? "" : points_text(d->mean),
                    d == nullptr ? "" : points_text(d->interval),
                    d == nullptr ? "" : name_of(d->verdict)});
        if (!parts) {
            row.push_back(fixed(cell.length_correlation, 2));
        }
        rows.push_back(std::move(row));
    }
    std::vector<std::string> header = {"set",
                                       "tag",
                                       "arm",
                                       "seeds",
                                       "relations",
                                       "accuracy %",
                                       "sd",
                                       "difference",
                                       "95 %",
                                       "verdict"};
    header.insert(parts ? header.begin() + 2 : header.end(), parts ? "part" : "length r");
    return rows.empty() ? "" : text_table(header, rows);
}

std::string arms_table(const Report& report) {
    std::vector<std::vector<std::string>> rows;
    for (const ArmSummary& arm : report.arms) {
        rows.push_back({arm.name,
                        std::to_string(arm.seeds.size()),
                        fixed(arm.cost.seconds < 0 ? std::nan("") : arm.cost.seconds, 1),
                        count_text(arm.cost.tokens),
                        count_text(arm.cost.tree_tokens),
                        arm.cost.peak_bytes < 0
                            ? "-"
                            : bytes_text(static_cast<int64_t>(arm.cost.peak_bytes))});
    }
    return text_table({"arm", "seeds", "seconds", "tokens", "tree tokens", "peak memory"}, rows);
}

std::string settings_text(const Report& report) {
    std::string out;
    for (size_t a = 1; a < report.arms.size(); ++a) {
        out += report.arms[a].name + ":\n";
        for (const SettingChange& change : report.arms[a].changes) {
            out += "  " + change.key + " = " + (change.is.empty() ? "(not set)" : change.is) +
                   "   (control: " + (change.was.empty() ? "not set" : change.was) + ")\n";
        }
        if (report.arms[a].changes.empty()) {
            out += "  nothing\n";
        }
    }
    return out;
}

Json difference_json(const Difference& d) {
    Json per_seed = Json::array();
    for (const double value : d.per_seed) {
        per_seed.push_back(number(value));
    }
    return {{"seeds", d.seeds},
            {"mean", number(d.mean)},
            {"low", number(d.interval.low)},
            {"high", number(d.interval.high)},
            {"per_seed", per_seed},
            {"verdict", name_of(d.verdict)}};
}

Json cell_json(const Report& report, const Cell& cell) {
    Json out = {{"set", cell.set},
                {"tag", cell.slice.tag},
                {"part", cell.slice.part},
                {"arm", report.arms[cell.arm].name},
                {"seeds", report.arms[cell.arm].seeds},
                {"records", cell.records},
                {"relations", cell.relations},
                {"accuracy", number(cell.mean)},
                {"sd", number(cell.sd)},
                {"per_seed", cell.per_seed},
                {"before", number(cell.before)},
                {"loss", number(cell.loss)},
                {"length_correlation", number(cell.length_correlation)}};
    out["difference"] = cell.difference ? difference_json(*cell.difference) : Json();
    return out;
}

// RFC 4180: quoted when it holds a comma, a quote or a line's end.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string out = "\"";
    for (const char c : text) {
        out += c == '"' ? "\"\"" : std::string(1, c);
    }
    return out + '"';
}

std::string csv_number(double value) {
    return std::isfinite(value) ? to_json(value) : "";
}

std::string csv_recorded(double value) {
    return value < 0 ? "" : csv_number(value);
}

std::string csv_row(const std::vector<std::string>& fields) {
    std::string line;
    for (const std::string& field : fields) {
        line += (&field == fields.data() ? "" : ",") + csv_field(field);
    }
    return line + "\r\n";
}

}  // namespace

std::string points_text(double fraction) {
    const std::string text = fixed(100 * fraction, 1);
    return text.front() == '-' ? text : "+" + text;
}

std::string points_text(const Interval& interval) {
    return "[" + points_text(interval.low) + ", " + points_text(interval.high) + "]";
}

std::string seeds_text(const Cell& cell) {
    const size_t seeds = cell.per_seed.size();
    const size_t paired = cell.difference ? cell.difference->seeds : seeds;
    return std::to_string(seeds) +
           (paired < seeds ? " (" + std::to_string(paired) + " paired)" : "");
}

std::string difference_text(const std::string& control) {
    const std::string seeds = std::to_string(kSeedsForWinner);
    return "Difference: accuracy minus that of " + control +
           ", percentage points, paired by seed and record; 95 %: bootstrap over records and "
           "seeds, from " +
           seeds + " seeds on no narrower than a t-interval over the seeds; no winner below " +
           seeds + " seeds, or " + std::to_string(kRecordsForWinner) + " records that differ.";
}

std::vector<std::pair<std::string, std::string>> synthesis_of(const Report& report) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const ArmSummary& arm : report.arms) {
        const auto same = std::find_if(
            out.begin(), out.end(), [&](const auto& one) { return one.second == arm.synthesis; });
        if (same != out.end()) {
            same->first += ", " + arm.name;
        } else if (!arm.synthesis.empty()) {
            out.emplace_back(arm.name, arm.synthesis);
        }
    }
    return out;
}

std::string report_text(const Report& report) {
    std::string out = results_table(report, false);
    if (const std::string parts = results_table(report, true); !parts.empty()) {
        out += "\n" + parts;
    }
    if (!report.cells.empty()) {
        out += "\n";
        if (report.control) {
            out += difference_text("'" + report.arms.front().name + "'") + "\n";
        }
        out +=
            "length r: correlation of score and response tokens; longer, shorter: pairs whose "
            "right response has more, or fewer, tokens.\n\n";
    }
    out += arms_table(report);
    out +=
        "\nSeconds, tokens and tree tokens: of one run (mean of its seeds); peak memory: the "
        "highest.\n";
    if (report.control && report.arms.size() > 1) {
        out += "\nWhat the arms change:\n" + settings_text(report);
    }
    for (const auto& [arms, table] : synthesis_of(report)) {
        out += "\nInstructions in the training data of " + arms + ":\n" + table;
    }
    for (const std::string& note : report.notes) {
        out += "\nnote: " + note;
    }
    return out + (report.notes.empty() ? "" : "\n");
}

std::string report_json(const Report& report) {
    Json arms = Json::array(), results = Json::array(), curves = Json::array();
    for (const ArmSummary& arm : report.arms) {
        Json changes = Json::array();
        for (const SettingChange& change : arm.changes) {
            changes.push_back({{"key", change.key}, {"control", change.was}, {"arm", change.is}});
        }
        arms.push_back({{"name", arm.name},
                        {"seeds", arm.seeds},
                        {"changes", changes},
                        {"seconds", recorded(arm.cost.seconds)},
                        {"tokens", recorded(arm.cost.tokens)},
                        {"tree_tokens", recorded(arm.cost.tree_tokens)},
                        {"peak_bytes", recorded(arm.cost.peak_bytes)}});
    }
    for (const Cell& cell : report.cells) {
        results.push_back(cell_json(report, cell));
    }
    for (const Curve& curve : report.curves) {
        Json points = Json::array();
        for (const CurvePoint& point : curve.points) {
            points.push_back({{"step", point.step},
                              {"accuracy", number(point.mean)},
                              {"low", number(point.interval.low)},
                              {"high", number(point.interval.high)}});
        }
        curves.push_back({{"set", curve.set},
                          {"tag", curve.tag},
                          {"arm", report.arms[curve.arm].name},
                          {"points", points}});
    }
    return Json{{"control", report.control ? Json(report.arms.front().name) : Json()},
                {"arms", arms},
                {"results", results},
                {"curves", curves},
                {"notes", report.notes}}
               .dump(2) +
           "\n";
}

std::string report_csv(const Report& report) {
    std::string out = csv_row(
        {"set",        "tag",         "part",      "arm",          "seeds",   "records",
         "relations",  "accuracy",    "sd",        "before",       "loss",    "length_correlation",
         "difference", "low",         "high",      "paired_seeds", "verdict", "seconds",
         "tokens",     "tree_tokens", "peak_bytes"});
    for (const Cell& cell : report.cells) {
        const ArmSummary& arm = report.arms[cell.arm];
        const Difference* d = cell.difference ? &*cell.difference : nullptr;
        out += csv_row({cell.set,
                        cell.slice.tag,
                        cell.slice.part,
                        arm.name,
                        std::to_string(cell.per_seed.size()),
                        std::to_string(cell.records),
                        std::to_string(cell.relations),
                        csv_number(cell.mean),
                        csv_number(cell.sd),
                        csv_number(cell.before),
                        csv_number(cell.loss),
                        csv_number(cell.length_correlation),
                        d == nullptr ? "" : csv_number(d->mean),
                        d == nullptr ? "" : csv_number(d->interval.low),
                        d == nullptr ? "" : csv_number(d->interval.high),
                        d == nullptr ? "" : std::to_string(d->seeds),
                        d == nullptr ? "" : name_of(d->verdict),
                        csv_recorded(arm.cost.seconds),
                        csv_recorded(arm.cost.tokens),
                        csv_recorded(arm.cost.tree_tokens),
                        csv_recorded(arm.cost.peak_bytes)});
    }
    return out;
}

}  // namespace samara::host
