// Rate of preparation on one core: two instructions per prompt, mapl_intra and mapl_inter, on a
// preference file as a run reads it, written to a store; tokenising apart; and the memory that it
// took, which must not grow with the file.  Not a test.
//
//   bench_synth [COPIES = 1] [FILE = ../shared/data/prefs/hh-rlhf_harmless-base_test.jsonl.gz]
// COPIES reads the file so many times, as one data set: run 1, 4 and 16 and compare the memory.
#include "core/data/reader.hpp"
#include "core/report/tables.hpp"
#include "core/store/store.hpp"
#include "core/train/prepare.hpp"
#include "runtime/registry.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>

using namespace samara::host;

namespace {

/// Seconds of this process, which a busy machine does not stretch.
double now() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

PluginUse use_of(const Registry& registry,
                 const char* id,
                 const std::map<std::string, ParamValue>& given) {
    const Plugin* plugin = registry.find(id);
    PluginUse use;
    if (plugin == nullptr || !bind_params(*plugin->descriptor, given, use.params).empty()) {
        std::fprintf(stderr, "no plugin %s, or other parameters\n", id);
        std::exit(1);
    }
    use.id = id;
    return use;
}

/// One token a text: what tokenising costs is bench_text's to say.
class OneToken final : public Encoder {
public:
    [[nodiscard]] std::string fingerprint() const override { return "one token"; }
    [[nodiscard]] Encoded encode(std::span<const Message>, const std::string&) const override {
        Encoded out;
        out.prompt_ids = out.response_ids = {1};
        out.border_clean = true;
        return out;
    }
    [[nodiscard]] Ids encode_text(const std::string&) const override { return {1}; }
    [[nodiscard]] std::string decode(std::span<const int64_t>) const override { return ""; }
    [[nodiscard]] Ids end_ids() const override { return {}; }
};

}  // namespace

int main(int count, char** arguments) {
    init_hdf5();
    DataSpec spec;
    const std::string shared =
        SAMARA_SOURCE_DIR "/../shared/data/prefs/hh-rlhf_harmless-base_test.jsonl.gz";
    const int64_t copies = count > 1 ? std::atoll(arguments[1]) : 1;
    spec.files.assign(static_cast<size_t>(copies), count > 2 ? arguments[2] : shared);
    spec.on_bad_row = "skip";
    spec.max_bad_rows = 1000 * copies;
    spec.max_tokens = 1000;
    spec.too_long = "drop";
    if (!std::filesystem::exists(spec.files.front())) {
        std::fprintf(stderr, "%s is absent: name a file\n", spec.files.front().c_str());
        return 1;
    }
    const std::string folder = std::string(SAMARA_PLUGIN_DIR);
    const Registry registry(
        SearchPath{{folder + "/samara_instructions.so", folder + "/samara_mapl.so"}, {}, false});
    const std::map<std::string, ParamValue> two{{"count", std::vector<int64_t>{2, 2}}};
    Synthesis synthesis(
        {use_of(registry, "samara.ifeval", {})},
        {use_of(registry, "samara.mapl_intra", two), use_of(registry, "samara.mapl_inter", two)},
        registry,
        {});
    std::string scratch = (std::filesystem::temp_directory_path() / "bench-synth-XXXXXX").string();
    if (mkdtemp(scratch.data()) == nullptr) {
        return 1;
    }
    GroupStore store(scratch);
    const int64_t before = resident_bytes();

    double from = now();
    DataReport report;
    { const Records once(spec, 7, report); }
    const double reading = now() - from;

    from = now();
    const Preparation prepared = prepare(spec, 7, synthesis, OneToken(), store, {});
    const double all = now() - from;
    const auto n = static_cast<double>(report.records);
    uint64_t stored = 0;
    for (const CacheEntry& entry : store.list()) {
        stored += entry.bytes;
    }
    std::printf(
        "%.0f records: reading %.2f s, all %.2f s, %.0f records a minute; %ld groups, %s stored\n"
        "memory: %s before, %s at most\n",
        n,
        reading,
        all,
        60 * n / all,
        static_cast<long>(prepared.groups),
        bytes_text(static_cast<int64_t>(stored)).c_str(),
        bytes_text(before).c_str(),
        bytes_text(peak_bytes()).c_str());
    std::filesystem::remove_all(scratch);
}
