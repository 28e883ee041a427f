// Writing groups as flat tables; see group_file.hpp.  Reading is group_read.cpp.
#include "core/store/group_file.hpp"

#include "core/store/group_tables.hpp"
#include "core/store/hdf5_io.hpp"
#include "runtime/error.hpp"

#include <limits>
#include <set>
#include <unordered_map>

namespace samara::host {
namespace {

// Fills the tables; equal strings are stored once, which is what makes eight candidates of one
// prompt cheap.
class Flattener {
public:
    GroupTables tables;

    void add(const Group& group) {
        GroupTables& t = tables;
        t.record.push_back(group.record);
        t.record_id.push_back(text(group.record_id));
        for (const Candidate& candidate : group.candidates) {
            add(candidate, group);
        }
        for (const Relation& relation : group.relations) {
            add(relation);
        }
        for (const auto& [key, value] : group.notes) {
            t.note_key.push_back(text(key));
            t.note_value.push_back(text(value));
        }
        for (const auto& [key, value] : group.meta) {
            t.meta_key.push_back(text(key));
            t.meta_value.push_back(text(value));
        }
        t.candidates.push_back(static_cast<int64_t>(t.response.size()));
        t.relations.push_back(static_cast<int64_t>(t.order.size()));
        t.notes.push_back(static_cast<int64_t>(t.note_key.size()));
        t.meta.push_back(static_cast<int64_t>(t.meta_key.size()));
    }

private:
    void add(const Candidate& c, const Group& group) {
        GroupTables& t = tables;
        for (const Message& message : c.prompt) {
            t.role.push_back(text(message.role));
            t.content.push_back(text(message.content));
        }
        t.messages.push_back(static_cast<int64_t>(t.role.size()));
        t.response.push_back(c.response ? text(*c.response) : -1);
        t.label.push_back(c.label);
        t.auxiliary.push_back(c.auxiliary ? 1 : 0);
        t.candidate_weight.push_back(c.weight);
        t.candidate_tag.push_back(tag(c.tag));
        t.instructions.push_back(text(c.instructions));
        add(c.prompt_ids, group);
        add(c.response_ids, group);
    }

    void add(const Relation& r) {
        GroupTables& t = tables;
        t.order.push_back(r.order);
        t.i.push_back(r.i);
        t.j.push_back(r.j);
        t.k.push_back(r.k);
        t.l.push_back(r.l);
        t.weight.push_back(r.weight);
        t.margin.push_back(r.margin);
        t.flip.push_back(r.flip);
        t.tag.push_back(tag(r.tag));
    }

    void add(const Ids& ids, const Group& group) {
        for (const int64_t id : ids) {
            if (id < 0 || id > std::numeric_limits<int32_t>::max()) {
                throw Error(Code::internal,
                            "token id " + std::to_string(id) + " does not fit the store",
                            "record '" + group.record_id + "'");
            }
            tables.ids.push_back(static_cast<int32_t>(id));
        }
        tables.id_offsets.push_back(static_cast<int64_t>(tables.ids.size()));
    }

    int64_t text(const std::string& value) {
        const auto [found, fresh] =
            text_rows_.try_emplace(value, static_cast<int64_t>(text_rows_.size()));
        if (fresh) {
            tables.text_bytes.insert(tables.text_bytes.end(), value.begin(), value.end());
            tables.text_offsets.push_back(static_cast<int64_t>(tables.text_bytes.size()));
        }
        return found->second;
    }

    int64_t tag(const std::string& value) {
        const auto [found, fresh] =
            tag_rows_.try_emplace(value, static_cast<int64_t>(tag_rows_.size()));
        if (fresh) {
            tables.tag_name.push_back(text(value));
        }
        return found->second;
    }

    std::unordered_map<std::string, int64_t> text_rows_, tag_rows_;
};

}  // namespace

struct GroupFileWriter::State {
    Flattener flat;
};

GroupFileWriter::GroupFileWriter() : state_(std::make_unique<State>()) {}
GroupFileWriter::~GroupFileWriter() = default;

void GroupFileWriter::add(const Group& group) {
    state_->flat.add(group);
}

size_t GroupFileWriter::bytes() const {
    size_t out = 0;
    GroupTables::each(state_->flat.tables, [&](const char*, const auto& values) {
        out += values.size() * sizeof(values.front());
    });
    return out;
}

std::string GroupFileWriter::finish() {
    const std::lock_guard lock(hdf5_mutex());
    const QuietHdf5 quiet;
    ImageWriter image("samara.groups", kGroupSchema);
    std::set<std::string> made;
    GroupTables::each(state_->flat.tables, [&](const std::string& name, const auto& values) {
        const std::string group = name.substr(0, name.find('/'));
        if (made.insert(group).second) {
            image.group(group);
        }
        image.put(name, values);
    });
    state_ = std::make_unique<State>();
    return image.image();
}

std::string write_group_file(const std::vector<Group>& groups) {
    GroupFileWriter writer;
    for (const Group& group : groups) {
        writer.add(group);
    }
    return writer.finish();
}

}  // namespace samara::host
