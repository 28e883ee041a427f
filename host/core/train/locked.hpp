// Which plugin libraries a run uses, and the check that they are those of an earlier run.
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

}  // namespace samara::host
