// Steps and micro-batches: which groups, in which order, cut where.
#include "core/train/order.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>

using namespace samara::host;

TEST_CASE("packing keeps the order and lets a large group stand alone") {
    using Batches = std::vector<std::vector<size_t>>;
    CHECK(pack(std::vector<int64_t>{3, 3, 3, 9, 1, 2}, 6) == Batches{{0, 1}, {2}, {3}, {4, 5}});
    CHECK(pack(std::vector<int64_t>{6}, 6) == Batches{{0}});
    CHECK(pack(std::vector<int64_t>{}, 6).empty());
}

TEST_CASE("an epoch holds every group once, its last step is short, and epochs differ") {
    Plan plan;
    plan.seed = 3;
    plan.groups_per_step = 4;
    plan.epochs = 2.5;
    CHECK(steps_per_epoch(plan, 10) == 3);
    CHECK(total_steps(plan, 10) == 8);
    plan.max_steps = 2;
    CHECK(total_steps(plan, 10) == 2);
    std::vector<size_t> epochs[2];
    for (int64_t step = 0; step < 6; ++step) {
        const auto positions = positions_of_step(plan, 10, step);
        CHECK(positions.size() == (step % 3 == 2 ? 2 : 4));
        epochs[step / 3].insert(epochs[step / 3].end(), positions.begin(), positions.end());
    }
    for (const auto& epoch : epochs) {
        CHECK(std::set(epoch.begin(), epoch.end()).size() == 10);
    }
    CHECK(epochs[0] != epochs[1]);
    plan.data.order = "file";
    CHECK(positions_of_step(plan, 10, 1) == std::vector<size_t>{4, 5, 6, 7});
    CHECK(positions_of_step(plan, 10, 5) == std::vector<size_t>{8, 9});
}
