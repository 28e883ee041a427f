// Groups as an HDF5 image in memory and back.  HDF5 never touches a disk here: what is parsed is
// exactly what was hashed, a full disk is seen by our own write, and no link of a file can lead to
// another file. Schema (version 1; every array is 1-D, little endian, chunked, fletcher32):
//   text/bytes u8, text/offsets i64      a table of UTF-8 strings; other arrays hold its row
//   numbers, -1 = absent tokens/ids i32, tokens/offsets i64   two spans per candidate: prompt ids,
//   response ids groups/{record, record_id, candidates, relations, notes, meta}   the last four are
//   offsets candidates/{messages (offsets), response, label, auxiliary, weight, tag, instructions}
//   messages/{role, content}  notes/{key, value}  meta/{key, value}
//   relations/{order, i, j, k, l, weight, margin, flip, tag}   tags/name; tag arrays hold its row
//   numbers
#pragma once
#include "runtime/records.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace samara::host {

inline constexpr int64_t kGroupSchema = 1;  ///< of one file

/// Collects groups for one file.
class GroupFileWriter {
public:
    GroupFileWriter();
    ~GroupFileWriter();
    /// Throws Error(Code::internal) for token ids beyond int32.
    void add(const Group& group);
    /// What is held, roughly the file's size before compression.
    [[nodiscard]] size_t bytes() const;
    /// The file's bytes: the same for equal groups.  The writer is empty afterwards.
    std::string finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// All of them in one file.
std::string write_group_file(const std::vector<Group>& groups);

/// Reads what write_group_file wrote.  Refuses anything else with Error(Code::corrupt) before
/// reading data: links, external storage, virtual datasets, foreign filters or types, sizes beyond
/// the file, unknown names; then checks every offset and index.  `where` names the file in
/// messages.  Needs init_hdf5().
std::vector<Group> read_group_file(std::string_view bytes, const std::string& where);

}  // namespace samara::host
