// What holds a run to an earlier one: the plugin libraries it uses (--locked), and all that its
// first part began with (--resume).
#pragma once
#include "core/config/plan.hpp"
#include "runtime/registry.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace samara::host {

/// By id, in the order of the plan: {"version", "sha256", "file"}.  environment.json of every
/// run has it as "plugins".
nlohmann::ordered_json plugins_of(const Plan& plan, const Registry& registry);

/// Throws Error(Code::plugin) when a plugin of the plan is not in `file`, an environment.json, or
/// has another SHA-256 there; Error(Code::config) when `file` is none.
void check_locked(const Plan& plan, const Registry& registry, const std::string& file);

/// Of two environment.json of one run, its first part's and the present; null `was`: nothing.
/// Throws Error(Code::corrupt) that names `file` for another file of a plugin or other data: going
/// on would leave one model of two experiments.  Warns of another version, processor, number of
/// threads or fp32 route, whose bytes differ.
void check_same(const nlohmann::ordered_json& was,
                const nlohmann::ordered_json& now,
                const std::string& file);

}  // namespace samara::host
