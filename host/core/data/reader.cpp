// Reading data files; see reader.hpp.
#include "core/data/reader.hpp"

#include "core/data/lines.hpp"
#include "core/data/row_forms.hpp"
#include "core/store/hash.hpp"
#include "runtime/error.hpp"
#include "runtime/random.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace samara::host {
namespace {

constexpr size_t kShownBadRows = 5;
constexpr int64_t kRowsPerPoll = 256;
constexpr size_t kHeldBytes = 16UL << 20;  // of rows that are kept parsed
constexpr std::string_view kWhite = " \t\r";

// The file's name without folder and without .gz, .jsonl, .json.
std::string stem_of(const std::string& path) {
    std::filesystem::path name = std::filesystem::path(path).filename();
    if (name.extension() == ".gz") {
        name = name.stem();
    }
    return name.has_stem() ? name.stem().string() : name.string();
}

/// Where a record stands.
struct Place {
    uint64_t offset = 0;
    int64_t line = 0;
    uint32_t size = 0;  // at most kMaxLineBytes
    uint32_t file : 31 = 0;
    uint32_t tokenised : 1 = 0;
};

struct File {
    std::string path, stem;
    std::unique_ptr<LineReader> lines;
};

std::string place_of(const File& file, int64_t line) {
    return file.path + ":" + std::to_string(line);
}

// The record of a row that is known to be good, or BadRow.  `unnamed`: it is called after the file.
Record record_of(const std::string& text,
                 int64_t line,
                 bool last,
                 const File& file,
                 const DataSpec& spec,
                 bool& unnamed) {
    Record record = make_record(parse_row(text, last), spec);
    unnamed = record.id.empty();
    if (unnamed) {
        record.id = file.stem + ":" + std::to_string(line);
    }
    record.where = place_of(file, line);
    return record;
}

// The first reading: every row is checked, its place kept, and everything counted.
class FirstReading {
public:
    FirstReading(const DataSpec& spec,
                 DataReport& report,
                 const std::function<bool()>& cancelled,
                 std::vector<File>& files,
                 std::vector<Place>& places)
        : spec_(spec), report_(report), cancelled_(cancelled), files_(files), places_(places) {}

    void run() {
        Sha256 content;
        for (const std::string& path : spec_.files) {
            if (!full()) {
                content.update(read_file(path));
            }
        }
        report_.records = static_cast<int64_t>(places_.size());
        report_.content_hash = content.hex();
        std::sort(ids_.begin(), ids_.end());
        report_.duplicate_ids = ids_.end() - std::unique(ids_.begin(), ids_.end());
        if (places_.empty()) {
            refuse_empty();
        }
    }

private:
    [[nodiscard]] bool full() const {
        return spec_.max_records > 0 && static_cast<int64_t>(places_.size()) >= spec_.max_records;
    }

    // Returns what the file adds to the content hash.
    std::string read_file(const std::string& path) {
        files_.push_back({path, stem_of(path), std::make_unique<LineReader>(path, true)});
        LineReader& lines = *files_.back().lines;
        const size_t before = places_.size();
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
                named_by_stem = read_line(line, !more && !line.ended) || named_by_stem;
            }
        }
        const std::string hash = lines.finish();
        report_.files.push_back({path, hash, static_cast<int64_t>(places_.size() - before)});
        return hash + " " + (named_by_stem ? files_.back().stem : "") + "\n";
    }

    // True when the record is named after the file.
    bool read_line(const Line& line, bool last) {
        ++report_.rows;
        const File& file = files_.back();
        const std::string where = place_of(file, line.number);
        try {
            if (line.too_long) {
                throw BadRow{"the line is longer than " + std::to_string(kMaxLineBytes) + " bytes",
                             0,
                             "JSONL holds one object per line"};
            }
            if (std::exchange(first_in_file_, false)) {
                refuse_other_json(line.text, where);
            }
            bool unnamed = false;
            const Record record = record_of(line.text, line.number, last, file, spec_, unnamed);
            ids_.push_back(std::hash<std::string>{}(record.id));
            places_.push_back({line.offset,
                               line.number,
                               static_cast<uint32_t>(line.text.size()),
                               static_cast<uint32_t>(files_.size() - 1),
                               record.prompt.empty() ? 1U : 0U});
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
    std::vector<File>& files_;
    std::vector<Place>& places_;
    std::vector<size_t> ids_;  // hashes
    bool first_in_file_ = true;
};

}  // namespace

struct Records::State {
    const DataSpec& spec;
    std::vector<File> files;
    std::vector<Place> places;
    std::vector<int64_t> prompt_from, response_from;  // donors of the shuffled controls

    // Rows that were used last, first in first out.
    std::mutex lock;
    std::unordered_map<int64_t, std::shared_ptr<const Record>> held;
    std::deque<int64_t> order;
    size_t bytes = 0;

    explicit State(const DataSpec& given) : spec(given) {}

    [[nodiscard]] std::string where(const Place& place) const {
        return place_of(files[place.file], place.line);
    }
    [[nodiscard]] std::vector<int64_t> donors(uint64_t seed, const char* stream) const;
    [[nodiscard]] Record parse(int64_t index) const;
    [[nodiscard]] Record make(int64_t index) const;
};

// Every record gets another record's part: one cycle over a random order.
std::vector<int64_t> Records::State::donors(uint64_t seed, const char* stream) const {
    for (const Place& place : places) {
        if (place.tokenised != places.front().tokenised) {
            throw Error(Code::data,
                        "text and tokenised rows cannot be shuffled into each other",
                        where(place));
        }
    }
    if (places.size() < 2) {
        throw Error(Code::data, "one record alone cannot be shuffled", where(places.front()));
    }
    const auto order =
        permutation(static_cast<int64_t>(places.size()), derive_seed(seed, stream, 0), 0);
    std::vector<int64_t> out(order.size());
    for (size_t n = 0; n < order.size(); ++n) {
        out[static_cast<size_t>(order[n])] = order[(n + 1) % order.size()];
    }
    return out;
}

Record Records::State::parse(int64_t index) const {
    const Place& place = places[static_cast<size_t>(index)];
    const File& file = files[place.file];
    try {
        bool unnamed = false;
        return record_of(
            file.lines->text_at(place.offset, place.size), place.line, false, file, spec, unnamed);
    } catch (const BadRow&) {  // it was good
        file.lines->check_unchanged();
        throw Error(Code::io, "the row reads otherwise than before", where(place));
    }
}

// With the controls applied.
Record Records::State::make(int64_t index) const {
    Record record = parse(index);
    if (spec.prompt == "empty") {
        record.prompt_ids.clear();
        if (!record.prompt.empty()) {
            record.prompt = {{record.prompt.back().role, ""}};
        }
    }
    if (!prompt_from.empty()) {
        Record from = parse(prompt_from[static_cast<size_t>(index)]);
        record.prompt = std::move(from.prompt);
        record.prompt_ids = std::move(from.prompt_ids);
    }
    if (!response_from.empty()) {
        Record from = parse(response_from[static_cast<size_t>(index)]);
        record.chosen = std::move(from.chosen);
        record.rejected = std::move(from.rejected);
        record.chosen_ids = std::move(from.chosen_ids);
        record.rejected_ids = std::move(from.rejected_ids);
        record.label = from.label;
    }
    return record;
}

Records::Records(const DataSpec& spec,
                 uint64_t seed,
                 DataReport& report,
                 const std::function<bool()>& cancelled)
    : state_(std::make_unique<State>(spec)) {
    check_columns(spec);
    report = DataReport{};
    FirstReading(spec, report, cancelled, state_->files, state_->places).run();
    if (spec.prompt == "shuffled") {
        state_->prompt_from = state_->donors(seed, "shuffled prompt");
    }
    if (spec.response == "shuffled") {
        state_->response_from = state_->donors(seed, "shuffled response");
    }
}

Records::~Records() = default;

int64_t Records::size() const {
    return static_cast<int64_t>(state_->places.size());
}

std::shared_ptr<const Record> Records::get(int64_t index) const {
    State& s = *state_;
    {
        const std::scoped_lock hold(s.lock);
        if (const auto known = s.held.find(index); known != s.held.end()) {
            return known->second;
        }
    }
    auto record = std::make_shared<const Record>(s.make(index));
    const std::scoped_lock hold(s.lock);
    if (s.held.emplace(index, record).second) {
        s.order.push_back(index);
        s.bytes += s.places[static_cast<size_t>(index)].size;
    }
    while (s.bytes > kHeldBytes) {
        s.bytes -= s.places[static_cast<size_t>(s.order.front())].size;
        s.held.erase(s.order.front());
        s.order.pop_front();
    }
    return record;
}

void Records::check_unchanged() const {
    for (const File& file : state_->files) {
        file.lines->check_unchanged();
    }
}

std::vector<Record> read_records(const DataSpec& spec,
                                 uint64_t seed,
                                 DataReport& report,
                                 const std::function<bool()>& cancelled) {
    const Records records(spec, seed, report, cancelled);
    std::vector<Record> out;
    for (int64_t n = 0; n < records.size(); ++n) {
        out.push_back(*records.get(n));
    }
    return out;
}

}  // namespace samara::host
