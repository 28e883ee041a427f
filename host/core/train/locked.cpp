// Held to an earlier run; see locked.hpp.
#include "core/train/locked.hpp"

#include "core/log/log.hpp"
#include "core/store/files.hpp"
#include "runtime/error.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace samara::host {

using Json = nlohmann::ordered_json;

Json plugins_of(const Plan& plan, const Registry& registry) {
    Json out = Json::object();
    const auto add = [&](const PluginUse& use) {
        const Plugin* plugin = use.id.empty() ? nullptr : registry.find(use.id);
        if (plugin != nullptr) {
            out[use.id] = {
                {"version", plugin->descriptor->version},
                {"sha256", plugin->library->sha256},
                {"file", std::filesystem::path(plugin->library->path).filename().string()}};
        }
    };
    const auto add_all = [&](const auto& uses) {
        for (const PluginUse& use : uses) {
            add(use);
        }
    };
    add_all(plan.instructions);
    add_all(plan.synthesizers);
    add_all(plan.objectives);
    add(plan.optimizer);
    for (const RewardUse& use : plan.ppo.rewards) {
        add(use.plugin);
    }
    for (const EvalSpec& spec : plan.evals) {
        add_all(spec.instructions);
        add_all(spec.synthesizers);
    }
    return out;
}

void check_locked(const Plan& plan, const Registry& registry, const std::string& file) {
    const Json environment = Json::parse(read_file(file), nullptr, false);
    if (!environment.is_object() || !environment.contains("plugins") ||
        !environment["plugins"].is_object()) {
        throw Error(Code::config,
                    "this is no environment.json: a JSON object with \"plugins\" is expected",
                    file,
                    "name the one in the folder of an earlier run");
    }
    const Json& locked = environment["plugins"];
    const Json ours = plugins_of(plan, registry);
    std::string differing;
    for (const auto& [id, plugin] : ours.items()) {
        const Json theirs = locked.contains(id) && locked[id].is_object()
                                ? locked[id].value("sha256", Json())
                                : Json();
        if (theirs != plugin["sha256"]) {
            differing += "\n  " + id + ": SHA-256 " + plugin["sha256"].dump() + " (" +
                         plugin["file"].get<std::string>() +
                         "), locked: " + (theirs.is_null() ? "not named" : theirs.dump());
        }
    }
    if (!differing.empty()) {
        throw Error(Code::plugin,
                    "plugins are not those of the lock:" + differing,
                    file,
                    "bring the locked libraries back, or lock to a newer run's environment.json");
    }
}

void check_same(const Json& was, const Json& now, const std::string& file) {
    const auto differs = [&](const char* list, const char* field, const std::string& what) {
        for (const auto& [name, one] : now.at(list).items()) {
            if (was.contains(list) && was[list].contains(name) &&
                was[list][name].value(field, "") != one.value(field, "")) {
                throw Error(Code::corrupt,
                            "the run was begun with another " + what + " '" + name + "': " + field +
                                " was " + was[list][name].value(field, "") + ", now " +
                                one.value(field, ""),
                            file,
                            "restore it, or start the run anew in another [run] output");
            }
        }
    };
    differs("plugins", "sha256", "build of plugin");
    differs("data", "cache_key", "version of the data");
    for (const char* key : {"samara", "libtorch", "threads", "fp32_route", "cpu"}) {
        if (was.contains(key) && now.contains(key) && was[key] != now[key]) {
            log::warning(std::string("the run was begun with another ") + key + ", " +
                         was[key].dump() + ", now " + now[key].dump() +
                         ": its bytes are not those of an uninterrupted run");
        }
    }
}

}  // namespace samara::host
