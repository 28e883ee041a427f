// What training changed: the evaluations before the first step and of the final model, relation by
// relation.  Reads the files of a run's folder that the trainer wrote.
#pragma once
#include "core/report/tables.hpp"
#include "core/train/source.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace samara::host {

/// Every set, tag and part of a tag (answers.hpp) in this order.  `last`: the step of the final
/// model; sets that were not evaluated there are left out.  The interval of an accuracy's change is
/// normal, over per-record sums of differences, because relations of one record are not
/// independent.
std::vector<ChangeRow> changes_of(const std::string& run_folder,
                                  const std::vector<EvalSet>& sets,
                                  const std::vector<std::string>& tags,
                                  int64_t last);

/// As done.json holds them.
nlohmann::ordered_json to_json(const std::vector<ChangeRow>& changes);

}  // namespace samara::host
