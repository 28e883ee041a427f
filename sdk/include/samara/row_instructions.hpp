// row_instructions.hpp - verifiable instructions that a row of the data brings along, in IFEval's
// form: the fields instruction_id_list (a list of ids) and kwargs (as many objects).
#pragma once
#include "json.hpp"
#include "records.hpp"

#include <vector>

namespace samara {

struct RowInstruction {
    std::string id;  ///< of a type, whether or not a library of the run has it
    Json kwargs;     ///< an object, without the nulls that tables of mixed types hold for arguments
                     ///< that are not used
};

/// Why row_instructions() gives nothing; a fixed sentence, for Sink::skip.
inline constexpr const char* kNoRowInstructions =
    "instruction_id_list and kwargs do not fit together";

/// Empty for a row without instruction_id_list; nothing where the fields are no lists of one length
/// of texts and objects.
inline std::optional<std::vector<RowInstruction>> row_instructions(const Record& record) {
    std::vector<RowInstruction> out;
    const auto ids = record.meta("instruction_id_list"), arguments = record.meta("kwargs");
    if (!ids) { return out; }
    const Json names = Json::parse(*ids), lists = Json::parse(arguments.value_or("null"));
    if (names.list() == nullptr || lists.list() == nullptr ||
        names.list()->size() != lists.list()->size()) {
        return std::nullopt;
    }
    for (size_t n = 0; n < names.list()->size(); ++n) {
        const Json &name = (*names.list())[n], &given = (*lists.list())[n];
        if (name.string() == nullptr || given.members() == nullptr) { return std::nullopt; }
        Json kwargs = Json::object();
        for (const auto& [key, value] : *given.members()) {
            if (!value.is_null()) { kwargs.set(key, value); }
        }
        out.push_back({*name.string(), std::move(kwargs)});
    }
    return out;
}

}  // namespace samara
