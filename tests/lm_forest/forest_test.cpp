// The forest: shapes derived by hand, and random tries held against the candidates they were built
// from.
#include "lm/forest/forest.hpp"

#include "runtime/error.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <random>
#include <set>

using namespace samara::host;
using List = std::vector<int64_t>;

namespace {

Group group_of(const std::vector<std::pair<Ids, Ids>>& rows) {
    Group group;
    group.record_id = "r1";
    for (const auto& [prompt, response] : rows) {
        Candidate candidate;
        candidate.prompt_ids = prompt;
        candidate.response_ids = response;
        group.candidates.push_back(candidate);
    }
    return group;
}

Forest forest_of(const Group& group) {
    const Group* one[] = {&group};
    return build_forest(one);
}

/// first, first + 1, ... : n distinct ids.
Ids run(int64_t first, int64_t n) {
    Ids ids(n);
    for (int64_t i = 0; i < n; ++i)
        ids[i] = first + i;
    return ids;
}

Ids operator+(Ids a, const Ids& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<int64_t> sizes(const Forest& forest) {
    std::vector<int64_t> out;
    for (const Node& node : forest.nodes)
        out.push_back(node.end - node.begin);
    return out;
}

/// Flat indices of the path that ends at `token`, root first.
List path_to(const Forest& forest, int64_t token) {
    List path;
    auto node = static_cast<int64_t>(forest.nodes.size()) - 1;
    while (forest.nodes[node].begin > token)
        --node;
    for (int64_t end = token + 1; node >= 0; node = forest.nodes[node].parent) {
        for (int64_t t = end - 1; t >= forest.nodes[node].begin; --t)
            path.insert(path.begin(), t);
        if (forest.nodes[node].parent >= 0)
            end = forest.nodes[forest.nodes[node].parent].end;
    }
    return path;
}

}  // namespace

TEST_CASE("two responses to one prompt share the prompt") {
    // prompt 1 2 3, then 4 5 and 6: flat ids 1 2 3 | 4 5 | 6.
    const Forest forest = forest_of(group_of({{{1, 2, 3}, {4, 5}}, {{1, 2, 3}, {6}}}));
    CHECK(forest.ids == List{1, 2, 3, 4, 5, 6});
    CHECK(forest.positions == List{0, 1, 2, 3, 4, 3});
    CHECK(sizes(forest) == List{3, 2, 1});
    CHECK(forest.nodes[1].parent == 0);
    CHECK(forest.nodes[2].parent == 0);
    CHECK(forest.last == List{4, 5});
    CHECK(forest.length == List{2, 1});
    // 4 and 6 are read at flat row 2, 5 at flat row 3.
    CHECK(forest.rows == List{2, 3});
    CHECK(forest.target_ids == List{4, 6, 5});
    CHECK(forest.target_rows == List{0, 0, 1});
    CHECK(forest.tok_target == List{0, 2, 1});
    CHECK(forest.tok_candidate == List{0, 0, 1});
}

TEST_CASE("the end of a prompt is a node border however few tokens are shared") {
    // prompts 1 2 and 1 2 3: the second goes on where the first ends.
    const Forest forest = forest_of(group_of({{{1, 2, 3}, {9}}, {{1, 2}, {8}}}));
    CHECK(sizes(forest) == List{2, 1, 1, 1});  // 1 2 | 3 | 9 and 8 below 1 2
    CHECK(forest.ids == List{1, 2, 3, 9, 8});
    CHECK(forest.nodes[3].parent == 0);
}

TEST_CASE("elsewhere tokens are shared from eight on") {
    const Ids prompt = run(100, 20);
    const auto with_shared = [&](int64_t n) {
        return forest_of(group_of({{prompt, run(1, n) + Ids{50}}, {prompt, run(1, n) + Ids{60}}}));
    };
    CHECK(sizes(with_shared(7)) == List{20, 8, 8});
    CHECK(sizes(with_shared(8)) == List{20, 8, 1, 1});
}

TEST_CASE("equal candidates and a response that begins another cost nothing") {
    const Ids prompt = run(100, 5), response = run(1, 6);
    const Group group = group_of({{prompt, response}, {prompt, response}, {prompt, run(1, 2)}});
    const Forest forest = forest_of(group);
    CHECK(sizes(forest) == List{5, 6});
    CHECK(forest.last == List{10, 10, 6});
    CHECK(forest.length == List{6, 6, 2});
    CHECK(forest.target_ids.size() == 6);
    CHECK(forest.tok_target == List{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1});
    CHECK(tree_tokens(group) == 11);
}

TEST_CASE("a response that goes on where another ended is no split") {
    const Ids prompt = run(100, 5);
    const Forest forest = forest_of(group_of({{prompt, run(1, 3)}, {prompt, run(1, 6)}}));
    CHECK(sizes(forest) == List{5, 6});
    CHECK(forest.last == List{7, 10});
}

TEST_CASE("a token may be prompt for one candidate and response for another") {
    // prompt 1..9 + response 10 11 12, and prompt 1..9 10 11 + response 12.
    const Forest forest = forest_of(group_of({{run(1, 9), {10, 11, 12}}, {run(1, 11), {12}}}));
    CHECK(forest.ids == run(1, 12));
    CHECK(forest.last == List{11, 11});
    CHECK(forest.length == List{3, 1});
    CHECK(forest.tok_target == List{0, 1, 2, 2});
}

TEST_CASE("an empty prompt leaves scores and no log-probabilities") {
    const Forest forest = forest_of(group_of({{{1}, {2}}, {{}, {2, 3}}}));
    CHECK(forest.without_prompt == 1);
    CHECK(forest.last.size() == 2);
    CHECK(forest.positions[forest.last[1]] == 1);
    CHECK(forest.tok_target.empty());
    CHECK(forest.rows.empty());
}

TEST_CASE("a response of no tokens is refused by record and candidate") {
    const Group group = group_of({{{1}, {2}}, {{1}, {}}});
    REQUIRE_THROWS_WITH(forest_of(group), Catch::Matchers::ContainsSubstring("candidate 1"));
    try {
        tree_tokens(group);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK(error.code() == Code::data);
        CHECK(error.problems().front().where == "record r1");
    }
}

TEST_CASE("random tries spell every candidate, and split only where they may") {
    std::mt19937_64 random(20240601);
    const auto draw = [&](int64_t low, int64_t high) {
        return std::uniform_int_distribution<int64_t>(low, high)(random);
    };
    for (int round = 0; round < 400; ++round) {
        std::vector<Group> groups(draw(1, 3));
        for (auto& group : groups) {
            std::vector<Ids>
                pool;  // sequences that later ones are grown from, so that tries get deep
            std::vector<std::pair<Ids, Ids>> rows;
            const int64_t count = draw(1, 12);
            for (int64_t c = 0; c < count; ++c) {
                Ids ids =
                    pool.empty() ? Ids{} : pool[draw(0, static_cast<int64_t>(pool.size()) - 1)];
                ids.resize(draw(0, static_cast<int64_t>(ids.size())));
                for (int64_t n = draw(ids.size() < 2 ? 2 : 0, 20); n > 0; --n)
                    ids.push_back(draw(1, 3));
                pool.push_back(ids);
                const int64_t cut = draw(1, static_cast<int64_t>(ids.size()) - 1);
                rows.emplace_back(Ids(ids.begin(), ids.begin() + cut),
                                  Ids(ids.begin() + cut, ids.end()));
            }
            group = group_of(rows);
        }
        std::vector<const Group*> pointers;
        for (const auto& group : groups)
            pointers.push_back(&group);
        const Forest forest = build_forest(pointers);

        size_t n = 0, token = 0;
        int64_t total = 0;
        std::set<int64_t> borders;  // last flat index of a prompt
        for (const auto& group : groups) {
            total += tree_tokens(group);
            for (const auto& candidate : group.candidates) {
                const List path = path_to(forest, forest.last[n]);
                const Ids whole = candidate.prompt_ids + candidate.response_ids;
                REQUIRE(path.size() == whole.size());
                for (size_t d = 0; d < path.size(); ++d) {
                    REQUIRE(forest.ids[path[d]] == whole[d]);
                    REQUIRE(forest.positions[path[d]] == static_cast<int64_t>(d));
                }
                REQUIRE(forest.length[n] == static_cast<int64_t>(candidate.response_ids.size()));
                borders.insert(path[candidate.prompt_ids.size() - 1]);
                for (size_t d = candidate.prompt_ids.size(); d < whole.size(); ++d, ++token) {
                    const int64_t target = forest.tok_target[token];
                    REQUIRE(forest.target_ids[target] == whole[d]);
                    REQUIRE(forest.rows[forest.target_rows[target]] == path[d - 1]);
                    REQUIRE(forest.tok_candidate[token] == static_cast<int64_t>(n));
                }
                ++n;
            }
        }
        REQUIRE(token == forest.tok_target.size());
        REQUIRE(total == static_cast<int64_t>(forest.ids.size()));
        std::vector<int> children(forest.nodes.size());
        std::set<int64_t> ends;
        for (size_t i = 0; i < forest.nodes.size(); ++i) {
            const Node& node = forest.nodes[i];
            REQUIRE(node.begin == (i == 0 ? 0 : forest.nodes[i - 1].end));
            REQUIRE(node.end > node.begin);
            REQUIRE(node.parent < static_cast<int64_t>(i));
            if (node.parent >= 0)
                ++children[node.parent];
            ends.insert(node.end - 1);
        }
        for (const int64_t border : borders)
            REQUIRE(ends.count(border) == 1);
        for (size_t i = 0; i < forest.nodes.size(); ++i)
            REQUIRE((children[i] != 1 || borders.count(forest.nodes[i].end - 1) == 1));
    }
}
