// The flat arrays of schema samara.groups/1 (group_file.hpp), one member per dataset.  Private to
// this room.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace samara::host {

struct GroupTables {
    std::vector<uint8_t> text_bytes;
    std::vector<int64_t> text_offsets{0};
    std::vector<int32_t> ids;
    std::vector<int64_t> id_offsets{0};
    std::vector<int64_t> record, record_id;
    std::vector<int64_t> candidates{0}, relations{0}, notes{0}, meta{0};  // offsets per group
    std::vector<int64_t> messages{0};                                     // offsets per candidate
    std::vector<int64_t> response, label, candidate_tag, instructions;
    std::vector<uint8_t> auxiliary;
    std::vector<double> candidate_weight;
    std::vector<int64_t> role, content;
    std::vector<int64_t> note_key, note_value, meta_key, meta_value;
    std::vector<int64_t> order, i, j, k, l, tag;
    std::vector<double> weight, margin, flip;
    std::vector<int64_t> tag_name;

    /// Calls visit(dataset name, member) for every array, in one fixed order.
    template <class Self, class Visit>
    static void each(Self& t, const Visit& visit) {
        visit("text/bytes", t.text_bytes);
        visit("text/offsets", t.text_offsets);
        visit("tokens/ids", t.ids);
        visit("tokens/offsets", t.id_offsets);
        visit("groups/record", t.record);
        visit("groups/record_id", t.record_id);
        visit("groups/candidates", t.candidates);
        visit("groups/relations", t.relations);
        visit("groups/notes", t.notes);
        visit("groups/meta", t.meta);
        visit("candidates/messages", t.messages);
        visit("candidates/response", t.response);
        visit("candidates/label", t.label);
        visit("candidates/auxiliary", t.auxiliary);
        visit("candidates/weight", t.candidate_weight);
        visit("candidates/tag", t.candidate_tag);
        visit("candidates/instructions", t.instructions);
        visit("messages/role", t.role);
        visit("messages/content", t.content);
        visit("notes/key", t.note_key);
        visit("notes/value", t.note_value);
        visit("meta/key", t.meta_key);
        visit("meta/value", t.meta_value);
        visit("relations/order", t.order);
        visit("relations/i", t.i);
        visit("relations/j", t.j);
        visit("relations/k", t.k);
        visit("relations/l", t.l);
        visit("relations/weight", t.weight);
        visit("relations/margin", t.margin);
        visit("relations/flip", t.flip);
        visit("relations/tag", t.tag);
        visit("tags/name", t.tag_name);
    }
};

}  // namespace samara::host
