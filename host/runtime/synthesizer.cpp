// Running synthesizers: records as views, groups copied out with every rule of the contract
// checked.
#include "runtime/dataset_view.hpp"
#include "runtime/instance.hpp"

#include <cmath>
#include <set>

namespace samara::host {

const samara_record* DatasetView::get(void* ctx, int64_t index) noexcept {
    auto& me = *static_cast<DatasetView*>(ctx);
    if (index < 0 || index >= me.abi_.count) {
        return nullptr;
    }
    const std::scoped_lock hold(me.lock_);
    try {
        Row& row = me.row(index);
        ++row.users;
        return &row.record;
    } catch (...) {
        me.failed_ = std::current_exception();
        return nullptr;
    }
}

DatasetView::Row& DatasetView::row(int64_t index) {
    if (const auto known = rows_.find(index); known != rows_.end()) {
        return known->second;
    }
    auto held = records_.get(index);
    Row& row = rows_[index];
    row.held = std::move(held);
    const Record& r = *row.held;
    row.prompt = views(r.prompt);
    for (const auto& [key, value] : r.meta) {
        row.meta.push_back({text(key), text(value)});
    }
    const auto maybe = [](const std::optional<std::string>& s) {
        return s ? text(*s) : samara_str{nullptr, 0};
    };
    row.record = {sizeof(samara_record),
                  text(r.id),
                  row.prompt.data(),
                  static_cast<int64_t>(row.prompt.size()),
                  maybe(r.chosen),
                  maybe(r.rejected),
                  ids(r.prompt_ids),
                  ids(r.chosen_ids),
                  ids(r.rejected_ids),
                  r.weight,
                  r.margin,
                  r.label,
                  row.meta.data(),
                  static_cast<int64_t>(row.meta.size())};
    return row;
}

void DatasetView::release(void* ctx, int64_t index) noexcept {
    auto& me = *static_cast<DatasetView*>(ctx);
    const std::scoped_lock hold(me.lock_);
    const auto it = me.rows_.find(index);
    if (it != me.rows_.end() && --it->second.users == 0) {
        me.rows_.erase(it);
    }
}

namespace {

/// Well-formed UTF-8 (no surrogates, no overlong forms, up to U+10FFFF).
bool is_utf8(std::string_view s) {
    for (size_t i = 0; i < s.size();) {
        const auto lead = static_cast<unsigned char>(s[i]);
        const size_t n = lead < 0x80                   ? 1
                         : lead >= 0xc2 && lead < 0xe0 ? 2
                         : lead >= 0xe0 && lead < 0xf0 ? 3
                         : lead >= 0xf0 && lead < 0xf5 ? 4
                                                       : 0;
        if (n == 0 || i + n > s.size()) {
            return false;
        }
        uint32_t code = n == 1 ? lead : lead & (0xffu >> (n + 1));
        for (size_t k = 1; k < n; ++k) {
            const auto byte = static_cast<unsigned char>(s[i + k]);
            if ((byte & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (byte & 0x3f);
        }
        if ((n == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
            (n == 4 && (code < 0x10000 || code > 0x10ffff))) {
            return false;
        }
        i += n;
    }
    return true;
}

/// A rule of the contract that an emitted group breaks.
struct Broken {
    std::string rule;
};

void want(bool good, const std::string& rule) {
    if (!good) {
        throw Broken{rule};
    }
}

std::string own(samara_str s, const char* what) {
    want(s.len >= 0 && (s.ptr != nullptr || s.len == 0),
         std::string(what) + " has no text behind its length");
    std::string out(s.ptr == nullptr ? "" : s.ptr, static_cast<size_t>(s.len));
    want(is_utf8(out), std::string(what) + " is not UTF-8");
    return out;
}

Ids own(samara_ids i, const char* what) {
    want(i.len >= 0 && (i.ptr != nullptr || i.len == 0),
         std::string(what) + " has no ids behind its length");
    Ids out(i.ptr, i.ptr + i.len);
    for (const int64_t id : out) {
        want(id >= 0 && id <= INT32_MAX,
             std::string(what) + " holds the token id " + std::to_string(id));
    }
    return out;
}

/// Everything of one synthesize call that the sink needs.
struct Emission {
    samara_call* call;
    const RecordSource* records;
    int64_t first, last, previous;
    const std::set<std::string>* tags;
    std::vector<Group>* out;
    std::map<std::string, int64_t>* skipped;
};

void check_tag(const Emission& e, const std::string& tag) {
    want(e.tags->contains(tag), "tag '" + tag + "' is not one that it declares");
}

Candidate candidate_of(const Emission& e, const samara_candidate& c) {
    Candidate out;
    for (int64_t i = 0; i < c.n_prompt; ++i) {
        out.prompt.push_back(
            {own(c.prompt[i].role, "a role"), own(c.prompt[i].content, "a prompt")});
    }
    if (c.response.ptr != nullptr) {
        out.response = own(c.response, "a response");
    }
    out.prompt_ids = own(c.prompt_ids, "prompt_ids");
    out.response_ids = own(c.response_ids, "response_ids");
    const bool has_text = !out.prompt.empty() || out.response;
    const bool has_ids = !out.prompt_ids.empty() || !out.response_ids.empty();
    want(has_text != has_ids,
         has_text ? "a candidate has both text and token ids" : "a candidate is empty");
    want(c.label >= -1 && c.label <= 1,
         "a label is " + std::to_string(c.label) + ", expected -1, 0 or 1");
    want(c.auxiliary == 0 || c.auxiliary == 1,
         "auxiliary is " + std::to_string(c.auxiliary) + ", expected 0 or 1");
    want(std::isfinite(c.weight) && c.weight >= 0,
         "a candidate's weight is not finite or negative");
    out.label = c.label;
    out.auxiliary = c.auxiliary == 1;
    out.weight = c.weight;
    out.tag = own(c.tag, "a tag");
    if (!out.tag.empty()) {
        check_tag(e, out.tag);
    }
    out.instructions = own(c.instructions, "instructions");
    return out;
}

Relation relation_of(const Emission& e, const samara_relation& r, int64_t n) {
    want(r.order == 1 || r.order == 2, "a relation has order " + std::to_string(r.order));
    const auto index = [&](int64_t i, const char* name) {
        want(i >= 0 && i < n,
             std::string("a relation's ") + name + " is " + std::to_string(i) + ", the group has " +
                 std::to_string(n) + " candidates");
    };
    index(r.i, "i");
    index(r.j, "j");
    if (r.order == 1) {
        want(r.k == -1 && r.l == -1, "a relation of order 1 has k or l");
        want(r.i != r.j, "a relation prefers a candidate to itself");
    } else {
        index(r.k, "k");
        index(r.l, "l");
    }
    want(std::isfinite(r.weight) && r.weight >= 0, "a relation's weight is not finite or negative");
    want(std::isfinite(r.margin), "a relation's margin is not finite");
    want(r.flip >= 0 && r.flip <= 1, "a relation's flip is not in [0, 1]");
    Relation out{r.order, r.i, r.j, r.k, r.l, r.weight, r.margin, r.flip, own(r.tag, "a tag")};
    check_tag(e, out.tag);
    return out;
}

Group group_of(Emission& e, const samara_group& g) {
    want(g.struct_size >= offsetof(samara_group, n_notes) + sizeof(int64_t),
         "samara_group.struct_size is not set");
    want(g.record >= e.first && g.record < e.last,
         "group of record " + std::to_string(g.record) + ", asked for [" + std::to_string(e.first) +
             ", " + std::to_string(e.last) + ")");
    want(g.record >= e.previous,
         "group of record " + std::to_string(g.record) + " after one of record " +
             std::to_string(e.previous));
    want(g.n_candidates > 0, "a group has no candidates; use skip");
    e.previous = g.record;
    const auto record = e.records->get(g.record);
    Group out;
    out.record = g.record;
    out.record_id = record->id;
    out.meta = record->meta;
    for (int64_t i = 0; i < g.n_candidates; ++i) {
        out.candidates.push_back(candidate_of(e, g.candidates[i]));
    }
    for (int64_t i = 0; i < g.n_relations; ++i) {
        out.relations.push_back(relation_of(e, g.relations[i], g.n_candidates));
    }
    for (int64_t i = 0; i < g.n_notes; ++i) {
        out.notes.emplace_back(own(g.notes[i].key, "a note"), own(g.notes[i].value, "a note"));
    }
    return out;
}

int64_t emit(void* ctx, const samara_group* group) noexcept {
    auto& e = *static_cast<Emission*>(ctx);
    try {
        e.out->push_back(group_of(e, *group));
        return SAMARA_OK;
    } catch (const Broken& broken) {
        return e.call->refuse("record " + std::to_string(group->record) + ": " + broken.rule);
    } catch (const std::exception& error) {
        return e.call->refuse(std::string("a group could not be copied: ") + error.what());
    }
}

void skip(void* ctx, int64_t record, samara_str reason) noexcept {
    auto& e = *static_cast<Emission*>(ctx);
    try {
        want(record >= e.first && record < e.last,
             "it skips record " + std::to_string(record) + ", which was not asked for");
        const std::string why = own(reason, "a reason");
        want(!why.empty(), "it skips a record without a reason");
        ++(*e.skipped)[why];
    } catch (const Broken& broken) {
        e.call->refuse(broken.rule);
    } catch (const std::exception& error) {
        e.call->refuse(error.what());
    }
}

}  // namespace

SynthesizerInstance::SynthesizerInstance(const Plugin& plugin,
                                         const BoundParams& params,
                                         std::shared_ptr<InstructionSet> instructions,
                                         HostHooks hooks)
    : instructions_(instructions ? std::move(instructions) : std::make_shared<InstructionSet>()) {
    instance_ = std::make_unique<Instance>(
        plugin, "synthesizer/1", params, std::move(hooks), instructions_.get());
    samara_synthesizer_info info{};
    info.struct_size = sizeof info;
    const Frame frame(*instance_, nullptr);
    instance_->run("describe", [&] {
        return instance_->table<samara_synthesizer>().describe(
            instance_->self(), &instance_->call(), &info);
    });
    for (int64_t i = 0; i < info.n_tags; ++i) {
        const std::string tag = info.tags[i];
        if (tag.empty() || std::find(tags_.begin(), tags_.end(), tag) != tags_.end()) {
            instance_->fault("describe", "tag '" + tag + "' is empty or named twice", Code::plugin);
        }
        tags_.push_back(tag);
    }
    needs_text_ = info.needs_text != 0;
    needs_pairs_ = info.needs_pairs != 0;
}

SynthesizerInstance::~SynthesizerInstance() = default;
SynthesizerInstance::SynthesizerInstance(SynthesizerInstance&&) noexcept = default;

void SynthesizerInstance::synthesize(const RecordSource& all,
                                     int64_t first,
                                     int64_t last,
                                     uint64_t seed,
                                     std::vector<Group>& out,
                                     std::map<std::string, int64_t>& skipped) {
    DatasetView data(all);
    RunInfo info;
    info.seed = seed;
    const Frame frame(*instance_, &info);
    const std::set<std::string> tags(tags_.begin(), tags_.end());
    Emission emission{&instance_->call(), &all, first, last, first, &tags, &out, &skipped};
    const samara_sink sink = {sizeof(samara_sink), &emission, emit, skip};
    try {
        instance_->run("synthesize", [&] {
            return instance_->table<samara_synthesizer>().synthesize(
                instance_->self(), &instance_->call(), data.abi(), first, last, seed, &sink);
        });
    } catch (const Error&) {
        data.rethrow();  // the cause rather than what the plugin made of it
        throw;
    }
    data.rethrow();
}

}  // namespace samara::host
