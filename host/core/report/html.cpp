// A report as one HTML page: tables, and a chart of learning curves for every set and tag.  Inline
// styles and SVG, light and dark by the reader's preference, no scripts; see render.hpp.
#include "core/report/render.hpp"
#include "core/report/tables.hpp"

#include <algorithm>
#include <cmath>

namespace samara::host {
namespace {

// Units of a chart; one is about a pixel, so that its text is as large as the page's small text.
constexpr double kWidth = 420, kHeight = 230, kLeft = 32, kRight = 14, kTop = 12, kBottom = 30;
constexpr size_t kColours = 8;  // then they repeat, dashed

// The colours keep apart for readers who see red and green alike (Okabe and Ito, 2008), lighter on
// a dark page.
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #6a6a6a; --line: #d9d9d9; --page: #fff;
  --c0: #000; --c1: #0072b2; --c2: #d55e00; --c3: #009e73; --c4: #cc79a7; --c5: #e69f00; --c6: #56b4e9; --c7: #8a7a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --soft: #a0a0a0; --line: #3c3c3c; --page: #161616;
  --c0: #fff; --c1: #56a8e0; --c2: #ff8c42; --c3: #2fc99a; --c4: #e6a1c7; --c5: #f2b92e; --c6: #8fd0f5; --c7: #d8c94a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 0 0 .3rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } .t { text-align: left; } .w { text-align: left; white-space: normal; overflow-wrap: anywhere; }
p, li { color: var(--soft); max-width: 60rem; } .charts { display: flex; flex-wrap: wrap; gap: 1.5rem; } .chart { flex: 1 1 24rem; max-width: 36rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--line); } .half { stroke: var(--soft); stroke-dasharray: 2 4; }
.band { fill-opacity: .07; stroke-width: 1; stroke-opacity: .35; } .curve { fill: none; stroke-width: 2; } .dash { stroke-dasharray: 6 3; }
.key { display: inline-block; width: 1.4em; height: 0; border-top: 3px solid; vertical-align: middle; margin-right: .4em; } .key.dash { border-top-style: dashed; }
)";

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string colour(size_t arm) {
    return "var(--c" + std::to_string(arm % kColours) + ")";
}
std::string dash(size_t arm) {
    return arm >= kColours ? " dash" : "";
}

/// A table; the first `text_columns` columns are aligned to the left.
std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows,
                  size_t text_columns) {
    std::string out = "<div class=\"scroll\"><table>\n<tr>";
    const auto open = [&](const char* tag, size_t c) {
        return std::string("<") + tag + (c < text_columns ? " class=\"t\">" : ">");
    };
    for (size_t c = 0; c < header.size(); ++c) {
        out += open("th", c) + escaped(header[c]) + "</th>";
    }
    out += "</tr>\n";
    for (const auto& row : rows) {
        out += "<tr>";
        for (size_t c = 0; c < row.size(); ++c) {
            out += open("td", c) + escaped(row[c]) + "</td>";
        }
        out += "</tr>\n";
    }
    return out + "</table></div>\n";
}

// Whole tags, or their parts.
std::string results(const Report& report, bool parts) {
    std::vector<std::vector<std::string>> rows;
    for (const Cell& cell : report.cells) {
        if (cell.slice.part.empty() == parts) {
            continue;
        }
        const Difference* d = cell.difference ? &*cell.difference : nullptr;
        rows.push_back({cell.set,
                        cell.slice.tag + (parts ? ", " + cell.slice.part : ""),
                        report.arms[cell.arm].name,
                        d == nullptr ? "" : name_of(d->verdict),
                        fixed(100 * cell.mean, 1),
                        d == nullptr ? "" : points_text(d->mean),
                        d == nullptr ? "" : points_text(d->interval),
                        fixed(100 * cell.sd, 1),
                        fixed(100 * cell.before, 1),
                        seeds_text(cell),
                        grouped(cell.relations)});
        if (!parts) {
            rows.back().push_back(fixed(cell.loss, 4));
            rows.back().push_back(fixed(cell.length_correlation, 2));
        }
    }
    // What matters first: on a narrow screen the rest is reached by scrolling.
    std::vector<std::string> header = {"set",
                                       parts ? "tag, part" : "tag",
                                       "arm",
                                       "verdict",
                                       "accuracy %",
                                       "difference",
                                       "95 %",
                                       "sd",
                                       "% before",
                                       "seeds",
                                       "relations"};
    if (!parts) {
        header.insert(header.end(), {"loss", "length r"});
    }
    return rows.empty() ? "" : table(header, rows, 4);
}

std::string costs(const Report& report) {
    std::vector<std::vector<std::string>> rows;
    const auto count = [](double value) {
        return std::isfinite(value) && value >= 0 ? grouped(std::llround(value)) : "-";
    };
    for (const ArmSummary& arm : report.arms) {
        rows.push_back({arm.name,
                        std::to_string(arm.seeds.size()),
                        arm.cost.seconds < 0 ? "-" : fixed(arm.cost.seconds, 1),
                        count(arm.cost.tokens),
                        count(arm.cost.tree_tokens),
                        arm.cost.peak_bytes < 0
                            ? "-"
                            : bytes_text(static_cast<int64_t>(arm.cost.peak_bytes))});
    }
    return table({"arm", "seeds", "seconds", "tokens", "tree tokens", "peak memory"}, rows, 1);
}

std::string settings(const Report& report) {
    std::string out =
        "<div class=\"scroll\"><table>\n<tr><th class=\"t\">arm</th><th class=\"t\">setting</th>"
        "<th class=\"t\">control</th><th class=\"t\">arm</th></tr>\n";
    for (const ArmSummary& arm : report.arms) {
        for (const SettingChange& change : arm.changes) {
            out += "<tr><td class=\"t\">" + escaped(arm.name) + "</td><td class=\"w\">" +
                   escaped(change.key) + "</td><td class=\"w\">" +
                   escaped(change.was.empty() ? "not set" : change.was) + "</td><td class=\"w\">" +
                   escaped(change.is.empty() ? "not set" : change.is) + "</td></tr>\n";
        }
    }
    return out + "</table></div>\n";
}

/// The plane of one chart: steps to x, accuracies to y.
struct Frame {
    int64_t first = 0, last = 1;
    double low = 0, high = 1;
    [[nodiscard]] std::string x(int64_t step) const {
        const double at = static_cast<double>(step - first) / static_cast<double>(last - first);
        return fixed(kLeft + at * (kWidth - kLeft - kRight), 1);
    }
    [[nodiscard]] std::string y(double value) const {
        const double at = (value - low) / (high - low);
        return fixed(kHeight - kBottom - at * (kHeight - kTop - kBottom), 1);
    }
};

// Bounds in whole tenths around all bands.
Frame frame_of(const std::vector<const Curve*>& curves) {
    Frame frame{INT64_MAX, INT64_MIN, 1, 0};
    for (const Curve* curve : curves) {
        for (const CurvePoint& point : curve->points) {
            frame.first = std::min(frame.first, point.step);
            frame.last = std::max(frame.last, point.step);
            frame.low = std::min({frame.low, point.interval.low, point.mean});
            frame.high = std::max({frame.high, point.interval.high, point.mean});
        }
    }
    frame.low = std::floor(frame.low * 10) / 10;
    frame.high = std::max(std::ceil(frame.high * 10) / 10, frame.low + 0.1);
    frame.last = std::max(frame.last, frame.first + 1);
    return frame;
}

std::string level(const Frame& frame, double value, const char* kind) {
    return std::string("<line class=\"") + kind + "\" x1=\"" + fixed(kLeft, 0) + "\" x2=\"" +
           fixed(kWidth - kRight, 0) + "\" y1=\"" + frame.y(value) + "\" y2=\"" + frame.y(value) +
           "\"/>\n";
}

std::string axes(const Frame& frame) {
    std::string out;
    const auto tenths = static_cast<int>(std::lround((frame.high - frame.low) * 10));
    for (int t = 0; t <= tenths; t += tenths > 6 ? 2 : 1) {
        const double value = frame.low + t / 10.0;
        out += level(frame, value, "grid") + "<text text-anchor=\"end\" x=\"" +
               fixed(kLeft - 6, 0) + "\" y=\"" + frame.y(value) + "\" dy=\"4\">" +
               fixed(100 * value, 0) + "</text>\n";
    }
    if (frame.low <= 0.5 && frame.high >= 0.5) {
        out += level(frame, 0.5, "half");  // what guessing gives
    }
    for (const int64_t step : {frame.first, (frame.first + frame.last) / 2, frame.last}) {
        out += "<text text-anchor=\"middle\" x=\"" + frame.x(step) + "\" y=\"" +
               fixed(kHeight - kBottom + 18, 0) + "\">" + std::to_string(step) + "</text>\n";
    }
    return out;
}

std::string band(const Frame& frame, const Curve& curve, const std::string& name) {
    std::string upper, lower;
    for (const CurvePoint& point : curve.points) {
        upper += frame.x(point.step) + "," + frame.y(point.interval.high) + " ";
        lower.insert(0, frame.x(point.step) + "," + frame.y(point.interval.low) + " ");
    }
    return "<polygon class=\"band\" fill=\"" + colour(curve.arm) + "\" stroke=\"" +
           colour(curve.arm) + "\" points=\"" + upper + lower + "\"><title>" + escaped(name) +
           "</title></polygon>\n";
}

std::string line(const Frame& frame, const Curve& curve, const std::string& name) {
    std::string points;
    for (const CurvePoint& point : curve.points) {
        points += frame.x(point.step) + "," + frame.y(point.mean) + " ";
    }
    return "<polyline class=\"curve" + dash(curve.arm) + "\" stroke=\"" + colour(curve.arm) +
           "\" points=\"" + points + "\"><title>" + escaped(name) + "</title></polyline>\n";
}

std::string charts(const Report& report) {
    std::string out = "<p>";
    for (size_t a = 0; a < report.arms.size(); ++a) {
        out += "<span class=\"key" + dash(a) + "\" style=\"border-color:" + colour(a) +
               "\"></span>" + escaped(report.arms[a].name) + " &nbsp; ";
    }
    out += "</p>\n<div class=\"charts\">\n";
    for (size_t i = 0; i < report.curves.size();) {
        std::vector<const Curve*> curves;
        const std::string set = report.curves[i].set, tag = report.curves[i].tag;
        for (;
             i < report.curves.size() && report.curves[i].set == set && report.curves[i].tag == tag;
             ++i) {
            if (report.curves[i].points.size() > 1) {  // one point is no curve
                curves.push_back(&report.curves[i]);
            }
        }
        if (curves.empty()) {
            continue;
        }
        const Frame frame = frame_of(curves);
        const std::string name = escaped(set + ", " + tag);
        out += "<div class=\"chart\"><h3>" + name + "</h3>\n<svg viewBox=\"0 0 " +
               fixed(kWidth, 0) + " " + fixed(kHeight, 0) +
               "\" role=\"img\" aria-label=\"Accuracy by step: " + name + "\">\n" + axes(frame);
        for (const auto draw : {band, line}) {  // no band over a line
            for (const Curve* curve : curves) {
                out += draw(frame, *curve, report.arms[curve->arm].name);
            }
        }
        out += "</svg></div>\n";
    }
    return out + "</div>\n";
}

}  // namespace

std::string report_html(const Report& report, const std::string& title) {
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
        "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
        escaped(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<h1>" +
        escaped(title) + "</h1>\n";
    if (!report.cells.empty()) {
        out += "<h2>Results</h2>\n" + results(report, false) + "<p>";
        if (report.control) {
            const std::string name = "<b>" + escaped(report.arms.front().name) + "</b>";
            out += difference_text("the control, " + name) + " ";
        }
        out +=
            "Losses of arms with different objectives do not compare. length r: correlation of "
            "score and response tokens.</p>\n";
        out += "<h2>Learning curves</h2>\n" + charts(report) +
               "<p>Accuracy in % by optimizer step; bands: 95 % over records and seeds, by "
               "bootstrap. Sets that were evaluated once have no curve.</p>\n";
    }
    if (const std::string parts = results(report, true); !parts.empty()) {
        out += "<h2>Parts</h2>\n" + parts +
               "<p>longer, shorter: pairs whose right response has more, or fewer, tokens than the "
               "wrong one.</p>\n";
    }
    out += "<h2>Cost of one run</h2>\n" + costs(report);
    if (report.control && report.arms.size() > 1) {
        out += "<h2>What the arms change</h2>\n" + settings(report);
    }
    for (const auto& [arms, table] : synthesis_of(report)) {
        out += "<h2>Instructions in the training data</h2>\n<p>" + escaped(arms) +
               "</p>\n<div class=\"scroll\"><pre>" + escaped(table) + "</pre></div>\n";
    }
    if (!report.notes.empty()) {
        out += "<h2>Notes</h2>\n<ul>\n";
        for (const std::string& note : report.notes) {
            out += "<li>" + escaped(note) + "</li>\n";
        }
        out += "</ul>\n";
    }
    return out + "</body>\n</html>\n";
}

}  // namespace samara::host
