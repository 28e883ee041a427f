// Plugins that a document names: found in the registry, of the right kind, their parameters bound.
#pragma once
#include "core/config/bind.hpp"
#include "core/config/plan.hpp"
#include "runtime/registry.hpp"

#include <string>
#include <vector>

namespace samara::host::config {

class Uses {
public:
    /// `base`: the folder that relative paths start from.  All three outlive the object.
    Uses(const Registry& registry, const std::string& base, Problems& problems)
        : registry_(registry), base_(base), problems_(problems) {}

    /// One plugin of kind "objective/1" and the like.  Writes the resolved parameters into
    /// bound.values["params"].
    PluginUse bind_use(Bound& bound, const std::string& kind) const;
    std::vector<PluginUse> bind_uses(std::vector<Bound>& list, const std::string& kind) const;
    /// Keys that the plugin of an entry declares; none when there is no such plugin.
    [[nodiscard]] std::vector<std::string> params_of(const Node& entry) const;

private:
    void bind_parameters(Bound& bound, const Plugin& plugin, PluginUse& use) const;
    void report(const Bound& bound,
                const Plugin& plugin,
                const std::vector<ParamIssue>& issues) const;

    const Registry& registry_;
    const std::string& base_;
    Problems& problems_;
};

}  // namespace samara::host::config
