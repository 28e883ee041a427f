// Merging groups and dropping tags; see groups.hpp.  Token ids are encode.cpp.
#include "core/data/groups.hpp"

#include "core/data/prune.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace samara::host {
namespace {

void append(std::string& key, const std::string& text) {
    key += std::to_string(text.size()) + ":" + text;
}

void append(std::string& key, const Ids& ids) {
    for (const int64_t id : ids) {
        key += std::to_string(id) + ",";
    }
    key += ";";
}

// Equal keys exactly when prompt and response are equal; lengths keep the parts apart.
std::string identity(const Candidate& candidate) {
    std::string key = std::to_string(candidate.prompt.size()) + "|";
    for (const Message& message : candidate.prompt) {
        append(key, message.role);
        append(key, message.content);
    }
    append(key, candidate.prompt_ids);
    append(key, candidate.response_ids);
    key += candidate.response ? "+" : "-";
    append(key, candidate.response.value_or(""));
    return key;
}

class Merger {
public:
    explicit Merger(const Record& record) : record_(record) {}

    void add(Group&& group, Group& out) {
        std::vector<int64_t> moved;
        for (Candidate& candidate : group.candidates) {
            moved.push_back(place(std::move(candidate), out));
        }
        for (Relation relation : group.relations) {
            for (int64_t* end : {&relation.i, &relation.j, &relation.k, &relation.l}) {
                *end = *end < 0 ? -1 : moved.at(static_cast<size_t>(*end));
            }
            out.relations.push_back(std::move(relation));
        }
        for (auto& note : group.notes) {
            if (std::find(out.notes.begin(), out.notes.end(), note) == out.notes.end()) {
                out.notes.push_back(std::move(note));
            }
        }
    }

private:
    int64_t place(Candidate&& candidate, Group& out) {
        const auto [found, fresh] =
            places_.try_emplace(identity(candidate), static_cast<int64_t>(out.candidates.size()));
        if (fresh) {
            out.candidates.push_back(std::move(candidate));
        } else {
            unite(out.candidates[static_cast<size_t>(found->second)], candidate);
        }
        return found->second;
    }

    void unite(Candidate& kept, const Candidate& other) const {
        unite_text("tag", kept.tag, other.tag);
        unite_text("instructions", kept.instructions, other.instructions);
        if (kept.label != 0 && other.label != 0 && kept.label != other.label) {
            disagree("label", std::to_string(kept.label), std::to_string(other.label));
        }
        kept.label = kept.label != 0 ? kept.label : other.label;
        kept.auxiliary = kept.auxiliary && other.auxiliary;
        if (kept.weight != other.weight) {
            disagree("weight", std::to_string(kept.weight), std::to_string(other.weight));
        }
    }

    void unite_text(const char* field, std::string& kept, const std::string& other) const {
        if (kept.empty()) {
            kept = other;
        } else if (!other.empty() && kept != other) {
            disagree(field, kept, other);
        }
    }

    [[noreturn]] void disagree(const char* field,
                               const std::string& one,
                               const std::string& two) const {
        throw Error(
            Code::plugin_fault,
            "synthesizers disagree about one candidate of record '" + record_.id + "': " + field +
                " is '" + one.substr(0, 80) + "' and '" + two.substr(0, 80) + "'",
            record_.where,
            "equal (prompt, response) are one candidate: leave the field empty in one of them");
    }

    const Record& record_;
    std::unordered_map<std::string, int64_t> places_;
};

}  // namespace

Group merge_groups(int64_t index,
                   const Record& record,
                   std::vector<Group> per_synthesizer,
                   RemovalReport* report) {
    Group out;
    out.record = index;
    out.record_id = record.id;
    out.meta = record.meta;
    Merger merger(record);
    for (Group& group : per_synthesizer) {
        merger.add(std::move(group), out);
    }
    RemovalReport removed;
    Cut cut(out);
    bool any = false;
    for (size_t r = 0; r < out.relations.size(); ++r) {
        const Relation& relation = out.relations[r];
        const bool contrast =
            relation.order == 2 && relation.i == relation.k && relation.j == relation.l;
        const bool self = relation.order == 1 && relation.i == relation.j;
        removed.same_contrasts += contrast ? 1 : 0;
        removed.self_preferences += self ? 1 : 0;
        cut.relations[r] = contrast || self;
        any = any || contrast || self;
    }
    if (any) {
        prune(
            out, cut, [](const Candidate& c, bool had) { return had && c.tag.empty(); }, removed);
    }
    if (report != nullptr) {
        report->relations += removed.relations;
        report->candidates += removed.candidates;
        report->same_contrasts += removed.same_contrasts;
        report->self_preferences += removed.self_preferences;
    }
    return out;
}

RemovalReport drop_tags(std::vector<Group>& groups, const std::vector<std::string>& tags) {
    const auto dropped = [&](const std::string& tag) {
        return std::find(tags.begin(), tags.end(), tag) != tags.end();
    };
    RemovalReport report;
    keep_if(groups, [&](Group& group) {
        Cut cut(group);
        bool any = false;
        for (size_t r = 0; r < group.relations.size(); ++r) {
            cut.relations[r] = dropped(group.relations[r].tag);
            any = any || cut.relations[r];
        }
        for (const Candidate& candidate : group.candidates) {
            any = any || (!candidate.tag.empty() && dropped(candidate.tag));
        }
        const auto useless = [&](const Candidate& c, bool had) {
            return c.tag.empty() ? had : dropped(c.tag);
        };
        const bool gone = any && !prune(group, cut, useless, report);
        report.groups += gone ? 1 : 0;
        report.candidates += gone ? static_cast<int64_t>(group.candidates.size()) : 0;
        return !gone;
    });
    return report;
}

std::vector<Group> take_prompts(std::vector<Group>& groups) {
    std::vector<Group> prompts;
    RemovalReport report;
    keep_if(groups, [&](Group& group) {
        Cut cut(group);
        bool any = false;
        for (size_t c = 0; c < group.candidates.size(); ++c) {
            const Candidate& candidate = group.candidates[c];
            cut.candidates[c] = !candidate.response && candidate.response_ids.empty();
            if (cut.candidates[c]) {
                any = true;
                Group& prompt = prompts.emplace_back();
                prompt.record = group.record;
                prompt.record_id = group.record_id;
                prompt.meta = group.meta;
                prompt.candidates.push_back(candidate);
            }
        }
        if (!any) {
            return true;
        }
        return prune(
            group, std::move(cut), [](const Candidate&, bool) { return false; }, report);
    });
    return prompts;
}

}  // namespace samara::host
