// Steps and micro-batches; see order.hpp.
#include "core/train/order.hpp"

#include "runtime/random.hpp"

#include <algorithm>
#include <cmath>

namespace samara::host {

int64_t steps_per_epoch(const Plan& plan, size_t groups) {
    return (static_cast<int64_t>(groups) + plan.groups_per_step - 1) / plan.groups_per_step;
}

int64_t total_steps(const Plan& plan, size_t groups) {
    const double by_epochs = plan.epochs * static_cast<double>(steps_per_epoch(plan, groups));
    return plan.max_steps > 0 ? plan.max_steps : static_cast<int64_t>(std::ceil(by_epochs - 1e-9));
}

// A permutation per epoch, so the order depends on seed and number alone.
std::vector<size_t> positions_of_batch(size_t items,
                                       int64_t per_batch,
                                       bool in_file_order,
                                       uint64_t seed,
                                       int64_t batch) {
    const auto n = static_cast<int64_t>(items), per_epoch = (n + per_batch - 1) / per_batch;
    const int64_t begin = batch % per_epoch * per_batch;
    const std::vector<int64_t> order =
        in_file_order ? std::vector<int64_t>() : permutation(n, seed, batch / per_epoch);
    std::vector<size_t> out;
    for (int64_t i = begin; i < std::min(n, begin + per_batch); ++i) {
        out.push_back(static_cast<size_t>(order.empty() ? i : order[static_cast<size_t>(i)]));
    }
    return out;
}

std::vector<size_t> positions_of_step(const Plan& plan, size_t groups, int64_t step) {
    return positions_of_batch(
        groups, plan.groups_per_step, plan.data.order == "file", plan.seed, step);
}

std::vector<std::vector<size_t>> pack(std::span<const int64_t> tree_tokens, int64_t budget) {
    std::vector<std::vector<size_t>> batches;
    int64_t filled = 0;
    for (size_t g = 0; g < tree_tokens.size(); ++g) {
        if (batches.empty() || filled + tree_tokens[g] > budget) {
            batches.emplace_back();
            filled = 0;
        }
        batches.back().push_back(g);
        filled += tree_tokens[g];
    }
    return batches;
}

std::vector<std::vector<const Group*>> micro_batches(const std::vector<const Group*>& groups,
                                                     const LanguageModel& model,
                                                     int64_t budget) {
    std::vector<int64_t> tokens;
    for (const Group* group : groups) {
        tokens.push_back(model.tree_tokens(*group));
    }
    std::vector<std::vector<const Group*>> batches;
    for (const std::vector<size_t>& positions : pack(tokens, budget)) {
        std::vector<const Group*>& batch = batches.emplace_back();
        for (const size_t g : positions) {
            batch.push_back(groups[g]);
        }
    }
    return batches;
}

}  // namespace samara::host
