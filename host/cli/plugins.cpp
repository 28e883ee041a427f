// samara plugins list | describe ID | check FILE.  `list` and `check` run in a child process: a
// plugin that crashes or hangs while it is looked at costs a message, not the command.
#include "cli/cli.hpp"
#include "cli/rows.hpp"
#include "runtime/conformance.hpp"
#include "runtime/error.hpp"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace samara::host::cli {
namespace {

constexpr unsigned kChildSeconds = 120;

/// Runs `body` in a child process and returns its exit status; a signal becomes
/// Error(Code::plugin).
int in_child(const std::string& what, const std::function<int()>& body) {
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t child = fork();
    if (child == 0) {
        alarm(kChildSeconds);
        int status = 1;
        try {
            status = body();
        } catch (const Error& error) {
            std::fprintf(stderr, "%s\n", error.what());
            status = static_cast<int>(error.code());
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
        }
        std::fflush(stdout);
        std::fflush(stderr);
        _exit(status);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        throw Error(Code::io, "cannot start a child process", what);
    }
    if (WIFSIGNALED(status)) {
        const int number = WTERMSIG(status);
        throw Error(Code::plugin,
                    number == SIGALRM
                        ? "it did not come back within " + std::to_string(kChildSeconds) + " s"
                        : std::string("the plugin ended the process: ") + strsignal(number),
                    what);
    }
    return WEXITSTATUS(status);
}

Json describe_json(const Plugin& plugin) {
    const samara_plugin& d = *plugin.descriptor;
    return {{"id", d.id},
            {"kind", d.kind},
            {"version", d.version},
            {"license", d.license},
            {"doc", d.doc},
            {"origin", plugin.library->origin},
            {"file", plugin.library->path},
            {"sha256", plugin.library->sha256}};
}

int do_list(const Common& common) {
    return in_child("samara plugins list", [&common] {
        const auto registry = open_registry(common);
        for (const Plugin* plugin : registry->list()) {
            if (common.json) {
                print_line(describe_json(*plugin));
            } else {
                std::printf("%-24s %-14s %-8s %-18s %s\n",
                            plugin->descriptor->id,
                            plugin->descriptor->kind,
                            plugin->descriptor->version,
                            plugin->library->origin.c_str(),
                            plugin->descriptor->doc);
            }
        }
        return 0;
    });
}

const char* type_name(int64_t type) {
    constexpr const char* kNames[] = {"?",
                                      "bool",
                                      "int",
                                      "float",
                                      "string",
                                      "path",
                                      "list of int",
                                      "list of float",
                                      "list of string"};
    return type >= 1 && type <= 8 ? kNames[type] : kNames[0];
}

std::string range_of(const samara_param& p) {
    if (p.choices != nullptr) {
        return std::string(", one of ") + p.choices;
    }
    if (p.min == 0 && p.max == 0) {
        return "";
    }
    char text[80];
    std::snprintf(text,
                  sizeof text,
                  ", in %c%g, %g%c",
                  (p.flags & SAMARA_P_OPEN_MIN) != 0 ? '(' : '[',
                  p.min,
                  p.max,
                  (p.flags & SAMARA_P_OPEN_MAX) != 0 ? ')' : ']');
    return text;
}

/// The table of a configuration that holds a plugin of this kind.
std::string table_of(const std::string& kind) {
    if (kind == "instruction/1") {
        return "[[instructions]]";
    }
    if (kind == "optimizer/1") {
        return "[optimizer]";
    }
    if (kind == "reward/1") {
        return "[[ppo.reward]]";
    }
    return "[[" + kind.substr(0, kind.find('/')) + "]]";
}

int do_describe(const std::string& id, const Common& common) {
    const auto registry = open_registry(common);
    const Plugin* plugin = registry->find(id);
    if (plugin == nullptr) {
        std::vector<std::string> known;
        for (const Plugin* other : registry->list()) {
            known.push_back(other->id());
        }
        const std::string near = nearest_key(id, known);
        throw Error(Code::config,
                    "no plugin '" + id + "'",
                    "",
                    near.empty() ? "see `samara plugins list`" : "did you mean '" + near + "'?");
    }
    const samara_plugin& d = *plugin->descriptor;
    std::printf("# %s %s (%s, %s)\n# %s\n", d.id, d.version, d.kind, d.license, d.doc);
    if (d.formula != nullptr && d.formula[0] != '\0') {
        std::printf("# formula: %s\n", d.formula);
    }
    if (d.source != nullptr && d.source[0] != '\0') {
        std::printf("# source: %s\n", d.source);
    }
    std::printf("%s\nplugin = \"%s\"\n", table_of(d.kind).c_str(), d.id);
    if (d.n_params > 0) {
        const bool list = table_of(d.kind)[1] == '[';
        std::string section = table_of(d.kind).substr(list ? 2 : 1);
        section.resize(section.find(']'));
        std::printf("[%s.params]\n", section.c_str());
    }
    for (int64_t p = 0; p < d.n_params; ++p) {
        const samara_param& param = d.params[p];
        const bool optional = (param.flags & SAMARA_P_OPTIONAL) != 0;
        const char* hidden = param.fallback == nullptr ? "# " : "";
        std::printf("%s%s = %s    # %s%s%s. %s\n",
                    hidden,
                    param.key,
                    param.fallback == nullptr ? "..." : param.fallback,
                    type_name(param.type),
                    range_of(param).c_str(),
                    param.fallback != nullptr ? ""
                    : optional                ? ", optional"
                                              : ", must be given",
                    param.doc);
    }
    return 0;
}

int do_check(const std::string& file, const Common& common) {
    const std::string path = fs::absolute(file).lexically_normal().string();
    return in_child(path, [&] {
        SearchPath search;
        search.files = {path};
        search.allow_insecure = common.allow_insecure;
        const Registry registry(search);
        print_notices(registry);
        int64_t failed = 0;
        for (const Plugin* plugin : registry.list()) {
            for (const CheckResult& result : check_plugin(*plugin)) {
                failed += result.passed ? 0 : 1;
                if (common.json) {
                    print_line({{"plugin", plugin->id()},
                                {"check", result.name},
                                {"passed", result.passed},
                                {"detail", result.detail}});
                } else {
                    std::printf("%-6s %-24s %s%s%s\n",
                                result.passed ? "ok" : "FAILED",
                                plugin->descriptor->id,
                                result.name.c_str(),
                                result.detail.empty() ? "" : ": ",
                                result.detail.c_str());
                }
            }
        }
        return failed == 0 ? 0 : static_cast<int>(Code::plugin_fault);
    });
}

}  // namespace

void add_plugins(CLI::App& app, Common& common, Action& action) {
    CLI::App* verb = app.add_subcommand(
        "plugins", "what can be loaded, how it is configured, whether it keeps the contract");
    verb->require_subcommand(1);
    verb->fallthrough();
    CLI::App* list = verb->add_subcommand("list", "every plugin that can be found");
    list->add_flag("--json", common.json, "one JSON object per plugin");
    list->callback([&common, &action] { action = [&common] { return do_list(common); }; });
    auto id = std::make_shared<std::string>();
    CLI::App* describe = verb->add_subcommand("describe", "a commented block for a configuration");
    describe->add_option("ID", *id, "plugin id")->required();
    describe->callback(
        [id, &common, &action] { action = [id, &common] { return do_describe(*id, common); }; });
    auto file = std::make_shared<std::string>();
    CLI::App* check =
        verb->add_subcommand("check", "the conformance run on a library, in a child process");
    check->add_option("FILE", *file, "shared library")->required();
    check->add_flag("--json", common.json, "one JSON object per check");
    check->callback(
        [file, &common, &action] { action = [file, &common] { return do_check(*file, common); }; });
}

}  // namespace samara::host::cli
