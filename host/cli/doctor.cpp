// samara doctor: what this machine is and does; and the fp32 route that every verb with a model
// uses.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "core/store/files.hpp"
#include "lm/model/probe.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace fs = std::filesystem;

namespace samara::host::cli {
namespace {

/// Everything on which the measured choice can depend.
std::string machine_key(const std::string& model) {
    return cpu_model() + " | libtorch " + TORCH_VERSION + " | threads " +
           std::to_string(at::get_num_threads()) + " | config " +
           sha256_file(model + "/config.json");
}

Json read_remembered(const std::string& file) {
    try {
        return fs::exists(file) ? Json::parse(read_file(file)) : Json::object();
    } catch (const std::exception&) {
        return Json::object();  // damaged: measured again
    }
}

/// Bytes per second of a large copy, best of three, read and write counted.
double bandwidth() {
    const at::Tensor from = at::ones({32 << 20}, at::kFloat), to = at::empty_like(from);
    double best = 0;
    for (int i = 0; i < 3; ++i) {
        const auto start = std::chrono::steady_clock::now();
        to.copy_(from);
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        best = std::max(best, 2.0 * static_cast<double>(from.nbytes()) / seconds);
    }
    return best;
}

int do_doctor(const std::string& model, const Common& common) {
    const auto registry = open_registry(common);
    Json out = {{"samara", SAMARA_VERSION},
                {"libtorch", TORCH_VERSION},
                {"cpu", cpu_model()},
                {"cpu_capability", at::get_cpu_capability()},
                {"threads", at::get_num_threads()},
                {"cuda", at::hasCUDA()},
                {"plugins", registry->list().size()},
                {"cache", cache_folder()},
                {"copy_gb_per_s", bandwidth() / 1e9}};
    if (!model.empty()) {
        const Fp32Probe probe = probe_fp32_route(model_folder(model));
        out["fp32_route"] = name_of(probe.choice);
        out["stock_gflops"] = probe.stock_gflops;
        out["stock_error"] = probe.stock_error;
        out["onednn_gflops"] = probe.onednn_gflops;
        out["onednn_error"] = probe.onednn_error;
    }
    if (common.json) {
        print_line(out);
        return 0;
    }
    for (const auto& [key, value] : out.items()) {
        std::printf("%-16s %s\n",
                    key.c_str(),
                    value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
    }
    return 0;
}

}  // namespace

std::string choose_fp32_route(const std::string& model, const std::string& forced) {
    if (!forced.empty()) {
        const auto route = parse_fp32_route(forced);
        if (!route) {
            throw Error(Code::config, "--fp32-route is stock or onednn, not '" + forced + "'");
        }
        set_fp32_route(*route);
        return forced;
    }
    const std::string file = cache_folder() + "/fp32_route.json", key = machine_key(model);
    Json remembered = read_remembered(file);
    std::optional<Fp32Route> route;
    if (remembered.contains(key)) {
        route = parse_fp32_route(remembered[key].value("route", ""));
    }
    if (!route) {
        const Fp32Probe probe = probe_fp32_route(model);
        route = probe.choice;
        remembered[key] = {{"route", name_of(probe.choice)},
                           {"stock_gflops", probe.stock_gflops},
                           {"stock_error", probe.stock_error},
                           {"onednn_gflops", probe.onednn_gflops},
                           {"onednn_error", probe.onednn_error}};
        fs::create_directories(cache_folder());
        atomic_write(file, remembered.dump(2) + "\n");
    }
    set_fp32_route(*route);
    return name_of(*route);
}

void add_doctor(CLI::App& app, Common& common, Action& action) {
    auto model = std::make_shared<std::string>();
    CLI::App* verb = app.add_subcommand(
        "doctor", "versions, threads, CPU features, measured matrix rate and bandwidth");
    verb->add_option("MODEL", *model, "measure at this model's shapes");
    verb->add_flag("--json", common.json, "one JSON object");
    verb->callback([model, &common, &action] {
        action = [model, &common] { return do_doctor(*model, common); };
    });
}

}  // namespace samara::host::cli
