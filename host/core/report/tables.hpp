// Text for people: tables and the progress line.  Pure functions that return strings; only the
// command prints.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace samara::host {

/// "0.6931" for (0.69314, 4), whatever the locale; "-" for what is not finite.
std::string fixed(double value, int digits);
/// "1,234,567".
std::string grouped(int64_t value);
/// "512 MiB", "2.1 GiB"; 1 GiB = 2^30 bytes.
std::string bytes_text(int64_t bytes);
/// "0:07", "12:30", "1:02:03" of seconds; "-" when negative or not finite.
std::string duration_text(double seconds);

/// Columns two spaces apart; a column whose cells are all numbers (or "-") is aligned to the right.
/// Every row has as many cells as the header.  Ends with a newline.
std::string text_table(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

/// One tag of one evaluation set, or a part of a tag, before and after training.
struct ChangeRow {
    std::string set, tag;
    std::string part;  ///< "longer", "shorter", "FIELD=VALUE"; empty: the whole tag
    int64_t relations = 0;
    double accuracy_before = 0, accuracy_after = 0;  ///< fractions; ties count one half
    double low = 0, high = 0;  ///< interval of the accuracy's change, fractions
    // Of whole tags; NaN: not known.
    double loss_before = 0, loss_after = 0;
    double length_before = 0, length_after = 0;  ///< correlation of score and response tokens
};
/// The table that a run ends with: accuracies in percent, their change with its interval, losses.
/// Parts that the configuration asked for are shown, "longer" and "shorter" are left to a report.
std::string change_table(const std::vector<ChangeRow>& rows);

/// What a progress line shows; negative numbers are left out.
struct ProgressState {
    std::string phase;  ///< "train", "evaluate held-out"
    int64_t step = -1, total_steps = -1;
    int64_t done = -1, todo = -1;                            ///< groups within the phase
    double loss = std::numeric_limits<double>::quiet_NaN();  ///< NaN: not shown; losses of rollouts
                                                             ///< may be negative
    double tokens_per_second = -1;
    double seconds_left = -1;
    int64_t resident_bytes = -1;
};
/// "train 12/40 30% | loss 0.6512 | 1,234 tok/s | 2.1 GiB | ETA 3:20", cut to `width` characters if
/// > 0.
std::string progress_line(const ProgressState& state, int64_t width = 0);

/// Memory of this process that is in RAM now, bytes; -1 if the system does not say.
int64_t resident_bytes();
/// The most that resident_bytes() has been, bytes.
int64_t peak_bytes();
/// Seconds of a clock that only goes forward.
double steady_seconds();

}  // namespace samara::host
