// A report as text, JSON, CSV and one HTML page.  Pure functions that return strings.
#pragma once
#include "core/report/compare.hpp"

#include <string>

namespace samara::host {

/// Tables for a terminal: results, the arms' settings and cost, notes.
std::string report_text(const Report& report);
/// One object with everything, curves included; numbers that are not known are null.
std::string report_json(const Report& report);
/// One row per set, tag, part and arm (RFC 4180, one header line).
std::string report_csv(const Report& report);
/// One self-contained page: tables, and learning curves as inline SVG; no scripts, nothing fetched.
/// `title`: plain text.
std::string report_html(const Report& report, const std::string& title);

/// What the arms were trained on, each table once, under the names of the arms that share it.
std::vector<std::pair<std::string, std::string>> synthesis_of(const Report& report);

/// "+12.5" and "[+1.2, +23.8]": fractions as percentage points.
std::string points_text(double fraction);
std::string points_text(const Interval& interval);
/// "5", or "5 (3 paired)" where the control lacks some of the arm's seeds.
std::string seeds_text(const Cell& cell);
/// What the columns of differences are; `control`: its name as the form writes it.
std::string difference_text(const std::string& control);

}  // namespace samara::host
