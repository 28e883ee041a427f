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
    const Kept ten{10, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
    CHECK(steps_per_epoch(plan, 10) == 3);
    CHECK(total_steps(plan, 10) == 8);
    plan.max_steps = 2;
    CHECK(total_steps(plan, 10) == 2);
    std::vector<size_t> epochs[2];
    for (int64_t step = 0; step < 6; ++step) {
        const auto positions = positions_of_step(plan, ten, step);
        CHECK(positions.size() == (step % 3 == 2 ? 2 : 4));
        epochs[step / 3].insert(epochs[step / 3].end(), positions.begin(), positions.end());
    }
    for (const auto& epoch : epochs) {
        CHECK(std::set(epoch.begin(), epoch.end()).size() == 10);
    }
    CHECK(epochs[0] != epochs[1]);
    plan.data.order = "file";
    CHECK(positions_of_step(plan, ten, 1) == std::vector<size_t>{4, 5, 6, 7});
    CHECK(positions_of_step(plan, ten, 5) == std::vector<size_t>{8, 9});
}

TEST_CASE("groups that an arm drops leave the order of the others as it is") {
    Plan plan;
    plan.seed = 5;
    plan.groups_per_step = 3;
    const Kept all{9, {0, 1, 2, 3, 4, 5, 6, 7, 8}}, some{9, {0, 2, 3, 5, 6, 7, 8}};
    for (const int64_t epoch : {0, 1}) {
        std::vector<size_t> whole, kept;
        for (int64_t step = 0; step < 3; ++step) {
            const auto of_all = positions_of_step(plan, all, 3 * epoch + step);
            const auto of_some = positions_of_step(plan, some, 3 * epoch + step);
            CHECK(of_some.size() == (step == 2 ? 1 : 3));
            whole.insert(whole.end(), of_all.begin(), of_all.end());
            for (const size_t position : of_some) {
                kept.push_back(some.places[position]);
            }
        }
        std::erase_if(whole, [](size_t place) { return place == 1 || place == 4; });
        CHECK(whole == kept);
    }
}
