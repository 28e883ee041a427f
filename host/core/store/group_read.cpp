// Reading groups from flat tables, every offset and index checked; see group_file.hpp.
#include "core/store/group_file.hpp"
#include "core/store/group_tables.hpp"
#include "core/store/hdf5_io.hpp"

namespace samara::host {
namespace {

// The tables as loaded, and the checks that make plain indexing safe afterwards.
class Unflattener {
public:
    Unflattener(const GroupTables& tables, const ImageReader& file) : t_(tables), file_(file) {}

    std::vector<Group> groups() {
        check_all();
        std::vector<Group> out(t_.record.size());
        for (size_t g = 0; g < out.size(); ++g) {
            Group& group = out[g];
            group.record = t_.record[g];
            group.record_id = text(t_.record_id[g]);
            for (auto c = t_.candidates[g]; c < t_.candidates[g + 1]; ++c) {
                group.candidates.push_back(candidate(static_cast<size_t>(c)));
            }
            for (auto r = t_.relations[g]; r < t_.relations[g + 1]; ++r) {
                group.relations.push_back(relation(static_cast<size_t>(r),
                                                   static_cast<int64_t>(group.candidates.size())));
            }
            group.notes = pairs(t_.notes, g, t_.note_key, t_.note_value);
            group.meta = pairs(t_.meta, g, t_.meta_key, t_.meta_value);
        }
        return out;
    }

private:
    void check(bool good, const char* what) const {
        if (!good) {
            file_.corrupt(std::string("the tables do not fit together: ") + what);
        }
    }

    // offsets[0] = 0, never falling, the last = size of what they cut.
    void check_offsets(const std::vector<int64_t>& offsets,
                       size_t pieces,
                       size_t size,
                       const char* name) const {
        check(offsets.size() == pieces + 1 && offsets.front() == 0 &&
                  offsets.back() == static_cast<int64_t>(size),
              name);
        for (size_t n = 0; n < pieces; ++n) {
            check(offsets[n] <= offsets[n + 1], name);
        }
    }

    void check_rows(const std::vector<int64_t>& rows,
                    size_t expected,
                    int64_t lowest,
                    size_t table,
                    const char* name) const {
        check(rows.size() == expected, name);
        for (const int64_t row : rows) {
            check(row >= lowest && row < static_cast<int64_t>(table), name);
        }
    }

    void check_all() const {
        check(!t_.text_offsets.empty(), "text/offsets");
        const size_t groups = t_.record.size(), candidates = t_.response.size(),
                     relations = t_.order.size(), texts = t_.text_offsets.size() - 1;
        check_offsets(t_.text_offsets, texts, t_.text_bytes.size(), "text/offsets");
        check_offsets(t_.id_offsets, 2 * candidates, t_.ids.size(), "tokens/offsets");
        check_offsets(t_.candidates, groups, candidates, "groups/candidates");
        check_offsets(t_.relations, groups, relations, "groups/relations");
        check_offsets(t_.notes, groups, t_.note_key.size(), "groups/notes");
        check_offsets(t_.meta, groups, t_.meta_key.size(), "groups/meta");
        check_offsets(t_.messages, candidates, t_.role.size(), "candidates/messages");
        check_rows(t_.record_id, groups, 0, texts, "groups/record_id");
        check_rows(t_.response, candidates, -1, texts, "candidates/response");
        check_rows(t_.instructions, candidates, 0, texts, "candidates/instructions");
        check_rows(t_.candidate_tag, candidates, 0, t_.tag_name.size(), "candidates/tag");
        check_rows(t_.role, t_.role.size(), 0, texts, "messages/role");
        check_rows(t_.content, t_.role.size(), 0, texts, "messages/content");
        check_rows(t_.note_key, t_.note_key.size(), 0, texts, "notes/key");
        check_rows(t_.note_value, t_.note_key.size(), 0, texts, "notes/value");
        check_rows(t_.meta_key, t_.meta_key.size(), 0, texts, "meta/key");
        check_rows(t_.meta_value, t_.meta_key.size(), 0, texts, "meta/value");
        check_rows(t_.tag_name, t_.tag_name.size(), 0, texts, "tags/name");
        check_rows(t_.tag, relations, 0, t_.tag_name.size(), "relations/tag");
        check(t_.label.size() == candidates && t_.auxiliary.size() == candidates &&
                  t_.candidate_weight.size() == candidates,
              "candidates");
        for (const auto* column : {&t_.i, &t_.j, &t_.k, &t_.l}) {
            check(column->size() == relations, "relations");
        }
        for (const auto* column : {&t_.weight, &t_.margin, &t_.flip}) {
            check(column->size() == relations, "relations");
        }
    }

    [[nodiscard]] std::string text(int64_t row) const {
        const auto begin = t_.text_bytes.begin();
        const auto r = static_cast<size_t>(row);
        return {begin + t_.text_offsets[r], begin + t_.text_offsets[r + 1]};
    }

    [[nodiscard]] Ids ids(size_t span) const {
        return {t_.ids.begin() + t_.id_offsets[span], t_.ids.begin() + t_.id_offsets[span + 1]};
    }

    [[nodiscard]] std::string tag(int64_t row) const {
        return text(t_.tag_name[static_cast<size_t>(row)]);
    }

    [[nodiscard]] std::vector<std::pair<std::string, std::string>> pairs(
        const std::vector<int64_t>& offsets,
        size_t group,
        const std::vector<int64_t>& keys,
        const std::vector<int64_t>& values) const {
        std::vector<std::pair<std::string, std::string>> out;
        for (auto n = static_cast<size_t>(offsets[group]);
             n < static_cast<size_t>(offsets[group + 1]);
             ++n) {
            out.emplace_back(text(keys[n]), text(values[n]));
        }
        return out;
    }

    [[nodiscard]] Candidate candidate(size_t c) const {
        Candidate out;
        for (auto m = static_cast<size_t>(t_.messages[c]);
             m < static_cast<size_t>(t_.messages[c + 1]);
             ++m) {
            out.prompt.push_back({text(t_.role[m]), text(t_.content[m])});
        }
        if (t_.response[c] >= 0) {
            out.response = text(t_.response[c]);
        }
        out.prompt_ids = ids(2 * c);
        out.response_ids = ids(2 * c + 1);
        out.label = t_.label[c];
        out.auxiliary = t_.auxiliary[c] != 0;
        out.weight = t_.candidate_weight[c];
        out.tag = tag(t_.candidate_tag[c]);
        out.instructions = text(t_.instructions[c]);
        return out;
    }

    [[nodiscard]] Relation relation(size_t r, int64_t candidates) const {
        Relation out{t_.order[r],
                     t_.i[r],
                     t_.j[r],
                     t_.k[r],
                     t_.l[r],
                     t_.weight[r],
                     t_.margin[r],
                     t_.flip[r],
                     tag(t_.tag[r])};
        const auto inside = [&](int64_t index) { return index >= 0 && index < candidates; };
        check(inside(out.i) && inside(out.j) &&
                  (out.order == 1 ? out.k == -1 && out.l == -1
                                  : out.order == 2 && inside(out.k) && inside(out.l)),
              "relations");
        return out;
    }

    const GroupTables& t_;
    const ImageReader& file_;
};

}  // namespace

std::vector<Group> read_group_file(std::string_view bytes, const std::string& where) {
    const std::lock_guard lock(hdf5_mutex());
    require_hdf5();
    const QuietHdf5 quiet;
    ImageReader file(bytes, where);
    GroupTables tables;
    std::vector<std::string> names;
    GroupTables::each(tables, [&](const char* name, auto&) { names.emplace_back(name); });
    file.expect("samara.groups", kGroupSchema, names);
    GroupTables::each(tables, [&](const char* name, auto& values) { file.get(name, values); });
    return Unflattener(tables, file).groups();
}

}  // namespace samara::host
