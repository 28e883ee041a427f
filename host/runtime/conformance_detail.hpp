// Shared by the files of the conformance run.  Internal to runtime/.
#pragma once
#include "runtime/conformance.hpp"
#include "runtime/instance.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// Fails the running check.
void require(bool good, const std::string& what);

struct Checks {
    std::vector<CheckResult> results;
    /// `body` returns the detail, or throws: then the check failed.
    void run(const std::string& name, const std::function<std::string()>& body);
};

/// The instruction types that synthesizers get in a conformance run.
std::shared_ptr<InstructionSet> probe_set();

void check_objective(Checks& checks, const Plugin& plugin, const BoundParams& params);
void check_synthesizer(Checks& checks, const Plugin& plugin, const BoundParams& params);
void check_instructions(Checks& checks, const Plugin& plugin, const BoundParams& params);
void check_reward(Checks& checks, const Plugin& plugin, const BoundParams& params);

}  // namespace samara::host
