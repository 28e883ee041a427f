// Rate of synthesis on one core: two instructions per prompt, mapl_intra and mapl_inter, on a
// preference file as a run reads it, tokenising apart; and the memory that it took.  Not a test.
//
//   bench_synth [max records = 0] [FILE = ../shared/data/prefs/hh-rlhf_harmless-base_test.jsonl.gz]
#include "core/data/reader.hpp"
#include "core/report/tables.hpp"
#include "runtime/instances.hpp"
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

const Plugin& plugin_of(const Registry& registry, const char* id) {
    const Plugin* plugin = registry.find(id);
    if (plugin == nullptr) {
        std::fprintf(stderr, "no plugin %s\n", id);
        std::exit(1);
    }
    return *plugin;
}

BoundParams bind(const Plugin& plugin, const std::map<std::string, ParamValue>& given) {
    BoundParams out;
    if (!bind_params(*plugin.descriptor, given, out).empty()) {
        std::exit(1);
    }
    return out;
}

}  // namespace

int main(int count, char** arguments) {
    DataSpec spec;
    const std::string shared =
        SAMARA_SOURCE_DIR "/../shared/data/prefs/hh-rlhf_harmless-base_test.jsonl.gz";
    spec.max_records = count > 1 ? std::atoll(arguments[1]) : 0;
    spec.files = {count > 2 ? arguments[2] : shared};
    if (!std::filesystem::exists(spec.files.front())) {
        std::fprintf(stderr, "%s is absent: name a file\n", spec.files.front().c_str());
        return 1;
    }
    const int64_t before = resident_bytes();
    double from = now();
    DataReport report;
    const std::vector<Record> records = read_records(spec, 1, report);
    const auto n = static_cast<int64_t>(records.size());
    std::printf("%ld records read in %.2f s\n", static_cast<long>(n), now() - from);

    const std::string folder = std::string(SAMARA_PLUGIN_DIR);
    const Registry registry(
        SearchPath{{folder + "/samara_instructions.so", folder + "/samara_mapl.so"}, {}, false});
    auto instructions = std::make_shared<InstructionSet>();
    const Plugin& ifeval = plugin_of(registry, "samara.ifeval");
    instructions->add(ifeval, bind(ifeval, {}));
    double total = 0;
    for (const char* id : {"samara.mapl_intra", "samara.mapl_inter"}) {
        const Plugin& plugin = plugin_of(registry, id);
        SynthesizerInstance synthesizer(
            plugin, bind(plugin, {{"count", std::vector<int64_t>{2, 2}}}), instructions);
        int64_t groups = 0;
        std::map<std::string, int64_t> skipped;
        from = now();
        for (int64_t first = 0; first < n; first += 256) {
            std::vector<Group> out;
            synthesizer.synthesize(records, first, std::min(n, first + 256), 7, out, skipped);
            groups += static_cast<int64_t>(out.size());
        }
        const double seconds = now() - from;
        total += seconds;
        std::printf("%s: %ld groups in %.2f s, %.0f records a minute\n",
                    id,
                    static_cast<long>(groups),
                    seconds,
                    60 * static_cast<double>(n) / seconds);
    }
    std::printf("both: %.0f records a minute; memory %s before, %s at most\n",
                60 * static_cast<double>(n) / total,
                bytes_text(before).c_str(),
                bytes_text(peak_bytes()).c_str());
}
