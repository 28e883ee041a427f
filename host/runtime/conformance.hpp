// The conformance run on one plugin: what can be proved of a third party's binary without data or a
// model.  A plugin may crash or hang in here, so the command runs it in a child process.
#pragma once
#include "runtime/registry.hpp"

#include <string>
#include <vector>

namespace samara::host {

struct CheckResult {
    std::string name;  ///< "determinism"
    bool passed = false;
    std::string detail;  ///< why not, or what was measured; may be empty
};

/// Runs every check that fits the plugin's kind, with default parameters (and stand-ins for those
/// that must be given). Never throws for a fault of the plugin: that is a failed check.
///
///   all           descriptor, create, unknown parameter, state (save, load, save again gives the
///   same bytes) objective     determinism, empty batch, gradient (central differences in float64,
///   relative error 1e-6) optimizer     determinism, state round trip of a split run of steps,
///   parameters change and stay finite synthesizer   determinism, range independence ([0, n) equals
///   [0, k) + [k, n)) instruction   solutions hold strictly when checked, wordings are not empty,
///   determinism
std::vector<CheckResult> check_plugin(const Plugin& plugin);

}  // namespace samara::host
