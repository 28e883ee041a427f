// Running instruction libraries, and the extension "instructions/1" through which synthesizers
// reach all of them.
#include "runtime/dataset_view.hpp"
#include "runtime/instance.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace samara::host {
namespace {

/// One library: calls into it never overlap.
struct InstructionLibrary {
    std::unique_ptr<Instance> instance;
    std::mutex lock;
    [[nodiscard]] const samara_instructions& table() const {
        return instance->table<samara_instructions>();
    }
    [[nodiscard]] void* self() const { return instance->self(); }
    [[nodiscard]] samara_call* call() { return &instance->call(); }
};

struct TypeRow {
    InstructionLibrary* library;
    int64_t index;  ///< in the library
    const samara_instruction_type* abi;
};

/// "It does not fit" (bad kwargs, unknown id) is the input's fault; everything else is the
/// plugin's.
void judge(InstructionLibrary& library, const char* function, int64_t status) {
    samara_call& call = *library.call();
    if (status == SAMARA_INVALID && call.broken.empty()) {
        throw Error(Code::data,
                    call.error.empty() ? "the instruction was refused" : call.error,
                    library.instance->id());
    }
    library.instance->finish(function, status);
}

struct Put {
    int64_t count = 0;
    Solution solution;
    std::string text;
};

std::string copy(samara_str s) {
    return s.ptr == nullptr ? std::string() : std::string(s.ptr, static_cast<size_t>(s.len));
}

}  // namespace

struct InstructionSet::State {
    HostHooks hooks;
    std::vector<std::unique_ptr<InstructionLibrary>> libraries;
    std::vector<TypeRow> rows;  ///< sorted by id, as the two below
    std::vector<InstructionType> types;
    std::vector<const samara_instruction_type*> pointers;

    TypeRow& row(const std::string& id) {
        const auto it = std::lower_bound(
            rows.begin(), rows.end(), id, [](const TypeRow& r, const std::string& key) {
                return r.abi->id < key;
            });
        if (it == rows.end() || id != it->abi->id) {
            throw Error(Code::data, "there is no instruction type '" + id + "'");
        }
        return *it;
    }
    void check(const samara_message* prompt,
               int64_t n_prompt,
               samara_str response,
               samara_check* checks,
               int64_t n);
    std::optional<Solution> solve(const samara_dataset* corpus,
                                  int64_t type,
                                  const samara_message* prompt,
                                  int64_t n_prompt,
                                  const samara_demand* demands,
                                  int64_t n_demands,
                                  uint64_t seed);
    std::string phrase(const std::string& id,
                       samara_str kwargs,
                       int64_t negated,
                       int64_t set,
                       uint64_t seed);
};

InstructionSet::InstructionSet(HostHooks hooks) : state_(std::make_unique<State>()) {
    state_->hooks = std::move(hooks);
}
InstructionSet::~InstructionSet() = default;
const std::vector<InstructionType>& InstructionSet::types() const {
    return state_->types;
}

void InstructionSet::add(const Plugin& plugin, const BoundParams& params) {
    auto library = std::make_unique<InstructionLibrary>();
    library->instance = std::make_unique<Instance>(plugin, "instruction/1", params, state_->hooks);
    Instance& instance = *library->instance;
    const Frame frame(instance, nullptr);
    const samara_instruction_type* const* list = nullptr;
    int64_t n = 0;
    instance.run("types", [&] {
        return library->table().types(library->self(), library->call(), &list, &n);
    });
    constexpr uint64_t kLeast = offsetof(samara_instruction_type, can_negate) + sizeof(int64_t);
    for (int64_t i = 0; i < n; ++i) {
        if (list[i] == nullptr || list[i]->struct_size < kLeast || list[i]->id == nullptr ||
            *list[i]->id == '\0') {
            instance.fault(
                "types",
                "type " + std::to_string(i) + " has no id or a struct_size that is too small",
                Code::plugin);
        }
        for (int64_t earlier = 0; earlier < i; ++earlier) {
            if (std::strcmp(list[earlier]->id, list[i]->id) == 0) {
                instance.fault("types",
                               std::string("type '") + list[i]->id + "' is named twice",
                               Code::plugin);
            }
        }
        for (const TypeRow& other : state_->rows) {
            if (std::strcmp(other.abi->id, list[i]->id) == 0) {
                throw Error(Code::config,
                            std::string("instruction type '") + list[i]->id +
                                "' comes from two plugins: '" + other.library->instance->id() +
                                "' and '" + instance.id() + "'",
                            "",
                            "list only one of them under [[instructions]]");
            }
        }
    }
    for (int64_t i = 0; i < n; ++i) {
        state_->rows.push_back({library.get(), i, list[i]});
    }
    state_->libraries.push_back(std::move(library));
    std::sort(state_->rows.begin(), state_->rows.end(), [](const TypeRow& a, const TypeRow& b) {
        return std::strcmp(a.abi->id, b.abi->id) < 0;
    });
    state_->types.clear();
    state_->pointers.clear();
    for (const TypeRow& row : state_->rows) {
        const auto text = [](const char* s) { return std::string(s == nullptr ? "" : s); };
        state_->types.push_back({row.abi->id,
                                 text(row.abi->doc),
                                 text(row.abi->conflicts),
                                 row.abi->can_solve != 0,
                                 row.abi->can_negate != 0});
        state_->pointers.push_back(row.abi);
    }
}

void InstructionSet::State::check(const samara_message* prompt,
                                  int64_t n_prompt,
                                  samara_str response,
                                  samara_check* checks,
                                  int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        const std::string id = copy(checks[i].id);
        InstructionLibrary& library = *row(id).library;
        const std::scoped_lock hold(library.lock);
        const Frame frame(*library.instance, nullptr);
        samara_check one = checks[i];
        one.strict = one.loose = INT64_MIN;
        judge(library, "check", library.instance->run_status([&] {
            return library.table().check(
                library.self(), library.call(), prompt, n_prompt, response, &one, 1);
        }));
        const auto verdict = [](int64_t v) { return v >= -1 && v <= 1; };
        if (!verdict(one.strict) || !verdict(one.loose)) {
            library.instance->fault("check", "the verdict on '" + id + "' is neither 1, 0 nor -1");
        }
        checks[i].strict = one.strict;
        checks[i].loose = one.loose;
    }
}

std::optional<Solution> InstructionSet::State::solve(const samara_dataset* corpus,
                                                     int64_t type,
                                                     const samara_message* prompt,
                                                     int64_t n_prompt,
                                                     const samara_demand* demands,
                                                     int64_t n_demands,
                                                     uint64_t seed) {
    if (type < 0 || type >= static_cast<int64_t>(rows.size())) {
        throw Error(Code::data, "there is no instruction type number " + std::to_string(type));
    }
    const TypeRow& row = rows[static_cast<size_t>(type)];
    InstructionLibrary& library = *row.library;
    const std::scoped_lock hold(library.lock);
    const Frame frame(*library.instance, nullptr);
    Put found;
    const auto put = [](void* ctx, samara_str kwargs, int64_t negated) {
        auto& out = *static_cast<Put*>(ctx);
        ++out.count;
        out.solution = {copy(kwargs), negated != 0};
    };
    judge(library, "solve", library.instance->run_status([&] {
        return library.table().solve(library.self(),
                                     library.call(),
                                     corpus,
                                     row.index,
                                     prompt,
                                     n_prompt,
                                     demands,
                                     n_demands,
                                     seed,
                                     put,
                                     &found);
    }));
    if (found.count > 1) {
        library.instance->fault("solve", "it put " + std::to_string(found.count) + " solutions");
    }
    return found.count == 0 ? std::nullopt : std::optional(found.solution);
}

std::string InstructionSet::State::phrase(const std::string& id,
                                          samara_str kwargs,
                                          int64_t negated,
                                          int64_t set,
                                          uint64_t seed) {
    InstructionLibrary& library = *row(id).library;
    const std::scoped_lock hold(library.lock);
    const Frame frame(*library.instance, nullptr);
    Put found;
    const auto put = [](void* ctx, samara_str s) {
        auto& out = *static_cast<Put*>(ctx);
        ++out.count;
        out.text += copy(s);
    };
    judge(library, "phrase", library.instance->run_status([&] {
        return library.table().phrase(
            library.self(), library.call(), text(id), kwargs, negated, set, seed, put, &found);
    }));
    if (found.text.empty()) {
        library.instance->fault("phrase", "it gave no wording for '" + id + "'");
    }
    return found.text;
}

// ---- the host's side ----

void InstructionSet::check(std::span<const Message> prompt,
                           const std::string& response,
                           std::vector<Check>& checks) const {
    const std::vector<samara_message> messages = views(prompt);
    std::vector<samara_check> rows;
    for (const Check& c : checks) {
        rows.push_back({text(c.id), text(c.kwargs), c.negated ? 1 : 0, -1, -1});
    }
    state_->check(messages.data(),
                  static_cast<int64_t>(messages.size()),
                  text(response),
                  rows.data(),
                  static_cast<int64_t>(rows.size()));
    for (size_t i = 0; i < checks.size(); ++i) {
        checks[i].strict = rows[i].strict;
        checks[i].loose = rows[i].loose;
    }
}

std::optional<Solution> InstructionSet::solve(std::span<const Record> corpus,
                                              int64_t type,
                                              std::span<const Message> prompt,
                                              std::span<const Demand> demands,
                                              uint64_t seed) const {
    const RecordSpan records(corpus);
    DatasetView data(records);
    const std::vector<samara_message> messages = views(prompt);
    std::vector<samara_demand> rows;
    for (const Demand& d : demands) {
        rows.push_back({text(d.response), d.truth ? 1 : 0});
    }
    return state_->solve(data.abi(),
                         type,
                         messages.data(),
                         static_cast<int64_t>(messages.size()),
                         rows.data(),
                         static_cast<int64_t>(rows.size()),
                         seed);
}

std::string InstructionSet::phrase(const std::string& id,
                                   const std::string& kwargs,
                                   bool negated,
                                   int64_t set,
                                   uint64_t seed) const {
    return state_->phrase(id, text(kwargs), negated ? 1 : 0, set, seed);
}

// ---- the plugins' side: nothing is thrown through a synthesizer ----

namespace {

template <class Body>
int64_t offered(samara_call* call, Body&& body) noexcept {
    try {
        body(call->instructions->state());
        return SAMARA_OK;
    } catch (const Error& error) {
        if (error.code() == Code::data) {  // a refusal that the caller may handle
            return call->fail(SAMARA_INVALID, error.problems().front().what);
        }
        if (!call->nested) {
            call->nested = std::current_exception();
        }
        return call->fail(SAMARA_INTERNAL, "an instruction plugin failed");
    } catch (...) {
        return SAMARA_INTERNAL;
    }
}

int64_t offered_types(samara_call* call,
                      const samara_instruction_type* const** out,
                      int64_t* n) noexcept {
    return offered(call, [&](InstructionSet::State& state) {
        *out = state.pointers.data();
        *n = static_cast<int64_t>(state.pointers.size());
    });
}

int64_t offered_check(samara_call* call,
                      const samara_message* prompt,
                      int64_t n_prompt,
                      samara_str response,
                      samara_check* checks,
                      int64_t n_checks) noexcept {
    return offered(call, [&](InstructionSet::State& s) {
        s.check(prompt, n_prompt, response, checks, n_checks);
    });
}

int64_t offered_solve(samara_call* call,
                      const samara_dataset* corpus,
                      int64_t type,
                      const samara_message* prompt,
                      int64_t n_prompt,
                      const samara_demand* demands,
                      int64_t n_demands,
                      uint64_t seed,
                      samara_put_solution* put,
                      void* ctx) noexcept {
    return offered(call, [&](InstructionSet::State& state) {
        const auto found = state.solve(corpus, type, prompt, n_prompt, demands, n_demands, seed);
        if (found) {
            put(ctx, text(found->kwargs), found->negated ? 1 : 0);
        }
    });
}

int64_t offered_phrase(samara_call* call,
                       samara_str id,
                       samara_str kwargs,
                       int64_t negated,
                       int64_t set,
                       uint64_t seed,
                       samara_put* put,
                       void* ctx) noexcept {
    return offered(call, [&](InstructionSet::State& state) {
        put(ctx, text(state.phrase(copy(id), kwargs, negated, set, seed)));
    });
}

}  // namespace

const samara_instruction_api& instruction_api() {
    static constexpr samara_instruction_api api = {sizeof(samara_instruction_api),
                                                   offered_types,
                                                   offered_check,
                                                   offered_solve,
                                                   offered_phrase};
    return api;
}

}  // namespace samara::host
