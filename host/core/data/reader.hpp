// Data files to records: what a run learns from, before any plugin sees it.  Strict unless told to
// skip, and then counted. Knows no tokenizer; row forms are row_forms.hpp, lines.hpp brings plain
// and gzip text.
#pragma once
#include "core/config/plan.hpp"
#include "runtime/record_source.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// One file that was used.
struct FileRead {
    std::string path;
    std::string sha256;   ///< of the decompressed bytes
    int64_t records = 0;  ///< kept from it
};

/// What was read, for logs, summaries and cache keys.
struct DataReport {
    int64_t rows = 0;                    ///< not blank
    int64_t records = 0;                 ///< kept
    int64_t bad_rows = 0;                ///< skipped (on_bad_row = "skip")
    int64_t duplicate_ids = 0;           ///< records whose id an earlier one has; allowed
    std::vector<std::string> first_bad;  ///< at most five: "file:line:column: what"
    std::vector<FileRead> files;         ///< those used, in order
    /// SHA-256 over the files' hashes in order, with the stem of those whose rows are named after
    /// it.  No paths.
    std::string content_hash;
};

/// Records of all files in order, at most spec.max_records (0: all), read again from their files
/// when asked for: memory holds 24 bytes a record and those used last, however large the files are.
///
/// Rows      explicit and implicit preferences, text or messages; one response with an optional
/// label; tokenised rows;
///           format "hh".  Other fields go to meta as JSON text.  A label on a pair is meta.
/// Controls  spec.prompt "empty" leaves one message without content; "shuffled" gives every record
/// another one's
///           prompt, from `seed`; spec.response "shuffled" likewise.  Response "empty" belongs to
///           encode_groups: synthesizers must see the responses to know what is true of them.
/// Errors    Code::data with file:line:column, field and excerpt for a bad row, a changed or
/// damaged file, an empty
///           set, more bad rows than max_bad_rows; Code::io; Code::config for columns;
///           Code::preempted if cancelled
class Records final : public RecordSource {
public:
    /// Reads and checks every row once.  `spec` must outlive this.
    Records(const DataSpec& spec,
            uint64_t seed,
            DataReport& report,
            const std::function<bool()>& cancelled = {});
    ~Records() override;

    [[nodiscard]] int64_t size() const override;
    [[nodiscard]] std::shared_ptr<const Record> get(int64_t index) const override;

    /// Throws Error(Code::data) when a file is no longer the one that was checked.  Call it before
    /// anything made of the records is kept.
    void check_unchanged() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// All of them in memory, for sets that are small by nature.
std::vector<Record> read_records(const DataSpec& spec,
                                 uint64_t seed,
                                 DataReport& report,
                                 const std::function<bool()>& cancelled = {});

}  // namespace samara::host
