// An ablation: one configuration, arms that each change a few of its keys, and seeds.  Read from a
// file of its own or from a run's file and lists of values, and checked as a whole: every arm is a
// configuration like any other.  Starting the runs is the command's business (cli/ablate.cpp).
#pragma once
#include "core/config/config.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// What the command line adds to a file; empty or 0: the file's.
struct AblationArguments {
    std::string file;
    std::vector<std::string> set;   ///< KEY=VALUE for every arm; wins over the arms
    std::vector<std::string> vary;  ///< KEY=V1,V2: one arm per value
    std::vector<int64_t> seeds;
    std::string output;
    int64_t jobs = 0;
    double memory_gib = 0;
};

/// One --set of an arm.
struct Override {
    std::string text;   ///< KEY=VALUE
    std::string where;  ///< file:line:column, or the option
};

/// A set of changes; the first arm of an ablation is the control.
struct Arm {
    std::string name;  ///< letters, digits and ".,_=+-": also the name of its folder
    std::vector<Override> overrides;
};

struct Ablation {
    std::string base;    ///< the run's file, absolute
    std::string output;  ///< absolute; runs lie in ARM/seed-N below it
    std::vector<int64_t> seeds;
    int64_t jobs = 1;
    double memory_gib = 0;  ///< for all processes together; 0: no limit
    std::vector<Arm> arms;
};

/// One run of an ablation.
struct PlannedRun {
    std::string arm;
    int64_t seed = 0;
    std::vector<std::string> set;  ///< the --set options of `samara run`, in order
    Plan plan;                     ///< plan.output is the run's folder
};

/// Reads an ablation file, or a run's file as the base when it has no key `base`.  Arms are the
/// product of [arms] and of the lists of [matrix] and `vary`.  Throws Error(Code::config) with all
/// problems of the file.
Ablation read_ablation(const AblationArguments& arguments);

/// Every run, in order: arm by arm, seed by seed.  Throws Error with all problems of all arms,
/// each once, at the place in the ablation file where the key is set.  Every arm has a registry of
/// its own, so that arms may compare two builds of one plugin.  Without an output the ablation gets
/// the first arm's with "-ablation" behind it.
std::vector<PlannedRun> plan_runs(Ablation& ablation,
                                  const std::function<std::unique_ptr<Registry>()>& open_registry);

}  // namespace samara::host
