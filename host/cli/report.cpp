// samara report: compares finished runs; writes nothing but the page that was asked for.  No
// LibTorch here (see front.cpp).
#include "cli/cli.hpp"
#include "core/report/render.hpp"
#include "core/store/files.hpp"

#include <cstdio>
#include <memory>

namespace samara::host::cli {
namespace {

struct Arguments {
    std::vector<std::string> folders;
    bool json = false, csv = false;
    std::string html;
};

int do_report(const Arguments& arguments) {
    const Report report = compare_runs(read_runs(arguments.folders));
    if (!arguments.html.empty()) {
        atomic_write(arguments.html, report_html(report, "Samara: " + arguments.folders.front()));
    }
    const std::string text = arguments.json  ? report_json(report)
                             : arguments.csv ? report_csv(report)
                                             : report_text(report);
    std::fputs(text.c_str(), stdout);
    return 0;
}

}  // namespace

void add_report(CLI::App& app, Common& /*common*/, Action& action) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* verb = app.add_subcommand(
        "report", "compare runs: arms against the first one, paired by seed and record");
    verb->add_option("DIR", arguments->folders, "folders of runs or of ablations")->required();
    CLI::Option* json = verb->add_flag("--json", arguments->json, "everything as one JSON object");
    verb->add_flag("--csv", arguments->csv, "one row per set, tag and arm")->excludes(json);
    verb->add_option("--html", arguments->html, "also write one page with learning curves");
    verb->callback(
        [arguments, &action] { action = [arguments] { return do_report(*arguments); }; });
}

}  // namespace samara::host::cli
