// From a JSON row to a Record: the forms that preference data comes in.  Private to the data room;
// no files, no policy.
#pragma once
#include "core/config/plan.hpp"
#include "core/data/json_row.hpp"

namespace samara::host {

/// Fills everything but `where` and a missing id.  Throws BadRow.
Record make_record(const JsonRow& row, const DataSpec& spec);

/// Throws Error(Code::config) when `columns` names a field that does not exist or one column twice.
void check_columns(const DataSpec& spec);

/// Anthropic HH: two dialogues "\n\nHuman: ...\n\nAssistant: ..." that differ in the last assistant
/// turn. Turns become user and assistant messages, trimmed.  Throws BadRow (offset 0).
void split_dialogues(const std::string& chosen, const std::string& rejected, Record& record);

/// Bytes of the prompt that two texts share by TRL's rule (trl.data_utils.extract_prompt): the
/// longest common prefix in characters, less one space at its end; when one text is a prefix of the
/// other, less its last character.  So the shared beginning of both answers belongs to the prompt.
/// Deviation: where nothing is shared TRL looks at the last character instead (index -1); here the
/// prompt is then empty.
size_t implicit_prompt(std::string_view chosen, std::string_view rejected);

}  // namespace samara::host
