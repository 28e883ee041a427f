// Reading data files; see reader.hpp.
#include "core/data/reader.hpp"

#include "core/data/lines.hpp"
#include "core/data/row_forms.hpp"
#include "core/store/hash.hpp"
#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <filesystem>
#include <unordered_set>
#include <utility>

namespace samara::host {
namespace {

constexpr size_t kShownBadRows = 5;
constexpr int64_t kRowsPerPoll = 256;
constexpr std::string_view kWhite = " \t\r";

// The file's name without folder and without .gz, .jsonl, .json.
std::string stem_of(const std::string& path) {
    std::filesystem::path name = std::filesystem::path(path).filename();
    if (name.extension() == ".gz") {
        name = name.stem();
    }
    return name.has_stem() ? name.stem().string() : name.string();
}

class Reader {
public:
    Reader(const DataSpec& spec, DataReport& report, const std::function<bool()>& cancelled)
        : spec_(spec), report_(report), cancelled_(cancelled) {}

    std::vector<Record> run() {
        Sha256 content;
        for (const std::string& path : spec_.files) {
            if (!full()) {
                content.update(read_file(path));
            }
        }
        report_.records = static_cast<int64_t>(records_.size());
        report_.content_hash = content.hex();
        if (records_.empty()) {
            refuse_empty();
        }
        return std::move(records_);
    }

private:
    [[nodiscard]] bool full() const {
        return spec_.max_records > 0 && static_cast<int64_t>(records_.size()) >= spec_.max_records;
    }

    // Returns what the file adds to the content hash.
    std::string read_file(const std::string& path) {
        LineReader lines(path);
        const std::string stem = stem_of(path);
        const size_t before = records_.size();
        first_in_file_ = true;
        bool named_by_stem = false;
        Line line;
        Line ahead;  // one line of look-ahead tells which one is the last
        bool more = lines.next(ahead);
        while (more && !full()) {
            std::swap(line, ahead);
            more = lines.next(ahead);
            if (cancelled_ && line.number % kRowsPerPoll == 0 && cancelled_()) {
                throw Error(Code::preempted, "stopped while reading data", path, "run again");
            }
            if (line.text.find_first_not_of(kWhite) != std::string::npos) {
                named_by_stem = read_line(line, !more && !line.ended, path, stem) || named_by_stem;
            }
        }
        const std::string hash = lines.finish();
        report_.files.push_back({path, hash, static_cast<int64_t>(records_.size() - before)});
        return hash + " " + (named_by_stem ? stem : "") + "\n";
    }

    // True when the record is named after the file.
    bool read_line(const Line& line, bool last, const std::string& path, const std::string& stem) {
        ++report_.rows;
        const std::string where = path + ":" + std::to_string(line.number);
        try {
            if (line.too_long) {
                throw BadRow{"the line is longer than " + std::to_string(kMaxLineBytes) + " bytes",
                             0,
                             "JSONL holds one object per line"};
            }
            if (std::exchange(first_in_file_, false)) {
                refuse_other_json(line.text, where);
            }
            Record record = make_record(parse_row(line.text, last), spec_);
            const bool unnamed = record.id.empty();
            if (unnamed) {
                record.id = stem + ":" + std::to_string(line.number);
            }
            record.where = where;
            report_.duplicate_ids += ids_.insert(record.id).second ? 0 : 1;
            records_.push_back(std::move(record));
            return unnamed;
        } catch (const BadRow& bad) {
            refuse(bad, line.text, where);
            return false;
        }
    }

    // A whole JSON file instead of lines: said once and clearly, whatever the policy for bad rows.
    static void refuse_other_json(const std::string& text, const std::string& where) {
        const size_t first = text.find_first_not_of(kWhite);
        const bool bare = text.find_last_not_of(kWhite) == first;
        if (!(text[first] == '[' || (text[first] == '{' && bare))) {
            return;
        }
        const bool array = text[first] == '[';
        throw Error(Code::data,
                    array ? "a row must be an object, and this file begins with a JSON array"
                          : "the first line holds only '{': rows must not be spread over lines",
                    where + ":" + std::to_string(first + 1),
                    array ? "JSONL holds one object per line: jq -c '.[]' FILE > FILE.jsonl"
                          : "JSONL holds one object per line: jq -c . FILE > FILE.jsonl");
    }

    void refuse(const BadRow& bad, const std::string& text, const std::string& where) {
        const std::string place = where + ":" + std::to_string(column_of(text, bad.offset));
        if (spec_.on_bad_row != "skip") {
            throw Error(Code::data,
                        bad.what + " in: " + excerpt(text, bad.offset),
                        place,
                        bad.help.empty()
                            ? "correct the row, or set on_bad_row = \"skip\" and max_bad_rows"
                            : bad.help);
        }
        ++report_.bad_rows;
        if (report_.first_bad.size() < kShownBadRows) {
            report_.first_bad.push_back(place + ": " + bad.what);
        }
        if (report_.bad_rows > spec_.max_bad_rows) {
            throw Error(Code::data,
                        "more bad rows than max_bad_rows = " + std::to_string(spec_.max_bad_rows),
                        place,
                        "the first: " + shown());
        }
    }

    [[nodiscard]] std::string shown() const {
        std::string out;
        for (const std::string& text : report_.first_bad) {
            out += (out.empty() ? "" : "; ") + text;
        }
        return out;
    }

    [[noreturn]] void refuse_empty() const {
        const std::string where = spec_.files.empty() ? "" : spec_.files.front();
        if (report_.rows == 0) {
            throw Error(
                Code::data, "no data: the files hold no row, only blank lines or nothing", where);
        }
        throw Error(
            Code::data,
            "no data: all " + std::to_string(report_.rows) + " rows are bad and were skipped",
            where,
            "the first: " + shown());
    }

    const DataSpec& spec_;
    DataReport& report_;
    const std::function<bool()>& cancelled_;
    std::vector<Record> records_;
    std::unordered_set<std::string> ids_;
    bool first_in_file_ = true;
};

// Calls swap_in(record, donor) so that every record gets another record's part: one cycle over a
// random order.
template <class SwapIn>
void shuffle(std::vector<Record>& records,
             uint64_t seed,
             const char* stream,
             const SwapIn& swap_in) {
    for (const Record& record : records) {
        if (record.prompt.empty() != records.front().prompt.empty()) {
            throw Error(Code::data,
                        "text and tokenised rows cannot be shuffled into each other",
                        record.where);
        }
    }
    if (records.size() < 2) {
        throw Error(Code::data, "one record alone cannot be shuffled", records.front().where);
    }
    const auto order =
        permutation(static_cast<int64_t>(records.size()), derive_seed(seed, stream, 0), 0);
    const std::vector<Record> donors = records;
    for (size_t n = 0; n < order.size(); ++n) {
        swap_in(records[static_cast<size_t>(order[n])],
                donors[static_cast<size_t>(order[(n + 1) % order.size()])]);
    }
}

void apply_controls(std::vector<Record>& records, const DataSpec& spec, uint64_t seed) {
    if (spec.prompt == "empty") {
        for (Record& record : records) {
            record.prompt_ids.clear();
            if (!record.prompt.empty()) {
                record.prompt = {{record.prompt.back().role, ""}};
            }
        }
    } else if (spec.prompt == "shuffled") {
        shuffle(records, seed, "shuffled prompt", [](Record& to, const Record& from) {
            to.prompt = from.prompt;
            to.prompt_ids = from.prompt_ids;
        });
    }
    if (spec.response == "shuffled") {
        shuffle(records, seed, "shuffled response", [](Record& to, const Record& from) {
            to.chosen = from.chosen;
            to.rejected = from.rejected;
            to.chosen_ids = from.chosen_ids;
            to.rejected_ids = from.rejected_ids;
            to.label = from.label;
        });
    }
}

}  // namespace

std::vector<Record> read_records(const DataSpec& spec,
                                 uint64_t seed,
                                 DataReport& report,
                                 const std::function<bool()>& cancelled) {
    check_columns(spec);
    report = DataReport{};
    std::vector<Record> records = Reader(spec, report, cancelled).run();
    apply_controls(records, spec, seed);
    return records;
}

}  // namespace samara::host
