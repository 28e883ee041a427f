// Which groups make an optimizer step, and how a step is cut into micro-batches: from the plan, the
// seed and sizes alone, so that a resumed run goes on as it would have.  Between the prepared
// groups and the trainer.
#pragma once
#include "core/config/plan.hpp"
#include "core/model.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace samara::host {

/// Optimizer steps of one pass over so many groups, and of the run.
int64_t steps_per_epoch(const Plan& plan, size_t groups);
int64_t total_steps(const Plan& plan, size_t groups);
/// Positions of the items of one batch, batches and positions from 0; the last batch of a pass may
/// be smaller.
std::vector<size_t> positions_of_batch(size_t items,
                                       int64_t per_batch,
                                       bool in_file_order,
                                       uint64_t seed,
                                       int64_t batch);
/// The groups that are left of those prepared when tags without weight are gone.  The order is that
/// of all prepared: arms that drop different tags train on the same records at about the same time.
struct Kept {
    size_t prepared = 0;
    std::vector<size_t> places;  ///< among those prepared; ascending
};
/// Positions of the groups of one step, among those kept.
std::vector<size_t> positions_of_step(const Plan& plan, const Kept& kept, int64_t step);

/// Indices, in order, cut into batches of at most `budget` tree tokens; a count above the budget
/// stands alone.  Never reorders: the split must not change which groups a step holds.
std::vector<std::vector<size_t>> pack(std::span<const int64_t> tree_tokens, int64_t budget);
/// The same for groups under a model.
std::vector<std::vector<const Group*>> micro_batches(const std::vector<const Group*>& groups,
                                                     const LanguageModel& model,
                                                     int64_t budget);

}  // namespace samara::host
