// Steps and micro-batches; see order.hpp.
#include "core/train/order.hpp"

#include "runtime/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace samara::host {

int64_t steps_per_epoch(const Plan& plan, size_t groups) {
    return (static_cast<int64_t>(groups) + plan.groups_per_step - 1) / plan.groups_per_step;
}

int64_t total_steps(const Plan& plan, size_t groups) {
    const double by_epochs = plan.epochs * static_cast<double>(steps_per_epoch(plan, groups));
    return plan.max_steps > 0 ? plan.max_steps : static_cast<int64_t>(std::ceil(by_epochs - 1e-9));
}

namespace {

std::vector<size_t> slice(const std::vector<size_t>& order, int64_t per_batch, int64_t batch) {
    const auto n = static_cast<int64_t>(order.size()), per_epoch = (n + per_batch - 1) / per_batch;
    const int64_t begin = batch % per_epoch * per_batch;
    return {order.begin() + begin, order.begin() + std::min(n, begin + per_batch)};
}

// A permutation per epoch, so the order depends on seed and number alone.
std::vector<size_t> order_of(size_t items, bool in_file_order, uint64_t seed, int64_t epoch) {
    std::vector<size_t> order(items);
    std::iota(order.begin(), order.end(), size_t{0});
    if (!in_file_order) {
        const std::vector<int64_t> drawn = permutation(static_cast<int64_t>(items), seed, epoch);
        order.assign(drawn.begin(), drawn.end());
    }
    return order;
}

}  // namespace

std::vector<size_t> positions_of_batch(size_t items,
                                       int64_t per_batch,
                                       bool in_file_order,
                                       uint64_t seed,
                                       int64_t batch) {
    const int64_t epoch = batch / ((static_cast<int64_t>(items) + per_batch - 1) / per_batch);
    return slice(order_of(items, in_file_order, seed, epoch), per_batch, batch);
}

std::vector<size_t> positions_of_step(const Plan& plan, const Kept& kept, int64_t step) {
    const std::vector<size_t>& places = kept.places;
    const int64_t epoch = step / steps_per_epoch(plan, places.size());
    std::vector<size_t> order =
        order_of(kept.prepared, plan.data.order == "file", plan.seed, epoch);
    if (places.size() < kept.prepared) {
        std::erase_if(order, [&](size_t place) {
            return !std::binary_search(places.begin(), places.end(), place);
        });
        for (size_t& place : order) {
            place = static_cast<size_t>(std::lower_bound(places.begin(), places.end(), place) -
                                        places.begin());
        }
    }
    return slice(order, plan.groups_per_step, step);
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
