// From a configuration file to the typed plan of a run: every problem at once, with its place,
// before any work. Loads the plugin libraries that the file names, but no model and no data.
#pragma once
#include "core/config/plan.hpp"
#include "runtime/registry.hpp"

#include <map>
#include <string>
#include <vector>

namespace samara::host {

struct LoadedConfig {
    Plan plan;
    std::vector<std::string> warnings;  ///< for the log; each names its place
};

/// Reads `file`, applies `overrides` ("train.max_steps=10", the --set options in order) and checks
/// everything, the parameters of plugins included.  Loads the libraries of [plugins] load into
/// `registry`. Paths: input relative to the file, output to the working directory; ${NAME} is the
/// environment's. Throws Error with ALL problems, those of the file first, by line: config (also a
/// missing or empty file), plugin (a library that cannot be loaded), io (a file that cannot be
/// read).  [one thread at a time per registry]
/// `places`: what messages call the overrides, where they do not come from the command line.
LoadedConfig load_plan(const std::string& file,
                       const std::vector<std::string>& overrides,
                       Registry& registry,
                       const std::vector<std::string>& places = {});

/// Every setting of a resolved configuration: "objective.0.params.beta" -> "0.1".
std::map<std::string, std::string> settings_of(const std::string& resolved);
/// One setting in which two configurations differ; "" where one has no such key.
struct SettingChange {
    std::string key, was, is;
};
/// The differences of two settings_of(), by key; run.seed and run.output, which tell runs of one
/// arm apart, do not count.
std::vector<SettingChange> differences(const std::map<std::string, std::string>& was,
                                       const std::map<std::string, std::string>& is);
/// What makes two resolved configurations two runs, "KEY was X, now Y; ...": all but run.output,
/// since a run may be moved.  Empty: one run.
std::string other_run(const std::string& was, const std::string& is);

/// Refuses objective tags that no synthesizer of the run emits.  Called when the synthesizers
/// exist, because only they know their tags.  Throws Error(Code::config) with all problems.
void check_tags(const Plan& plan, const std::vector<std::string>& known_tags);

/// The folder of a model: "cache:NAME" is models/NAME in the user's cache folder, anything else
/// stays as it is. Throws Error(Code::config) when NAME is no plain name.  It does not look whether
/// the folder exists.
std::string model_folder(const std::string& path);
/// SAMARA_CACHE_DIR, else XDG_CACHE_HOME/samara, else HOME/.cache/samara.  Throws
/// Error(Code::config) without any.
std::string cache_folder();

/// docs/config.md: every key with its type, range, default and meaning.
std::string describe_schema();

}  // namespace samara::host
