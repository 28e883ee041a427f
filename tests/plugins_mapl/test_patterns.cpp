// The truth patterns and the type pool: pure code, no plugin is loaded.
#include "../../plugins/mapl/patterns.hpp"
#include "../../plugins/mapl/type_pool.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <set>

using namespace samara::mapl;

namespace {

samara_instruction_type type(const char* id, const char* conflicts = "", int64_t can_solve = 1) {
    return {sizeof(samara_instruction_type), id, "", conflicts, can_solve, 1};
}

struct Types {
    explicit Types(std::vector<samara_instruction_type> list) : rows(std::move(list)) {
        for (const samara_instruction_type& row : rows) {
            pointers.push_back(&row);
        }
    }
    std::vector<samara_instruction_type> rows;
    std::vector<const samara_instruction_type*> pointers;
};

}  // namespace

TEST_CASE("The paper's rule allows 2^(k+1) - 3 truth patterns, dominance and count more") {
    // Derived by hand: (a) has 2^k - 1 pairs, (b) as many, (all, none) is in both; 3^k - 2^k strict
    // supersets; half of the 4^k pairs that do not tie, C(2k, k) of which do.
    const size_t paper[] = {1, 5, 13, 29, 61};
    const size_t dominance[] = {1, 5, 19, 65, 211};
    const size_t count[] = {1, 5, 22, 93, 386};
    for (int k = 1; k <= 5; ++k) {
        CAPTURE(k);
        CHECK(allowed_pairs(k, Rule::paper, Condition::both).size() == paper[k - 1]);
        CHECK(allowed_pairs(k, Rule::dominance, Condition::both).size() == dominance[k - 1]);
        CHECK(allowed_pairs(k, Rule::count, Condition::both).size() == count[k - 1]);
        CHECK(equal_pairs(k).size() == size_t{1} << k);
        for (const Rule rule : {Rule::paper, Rule::dominance, Rule::count}) {
            CHECK(allowed_pairs(k, rule, Condition::a).size() == (size_t{1} << k) - 1);
            CHECK(allowed_pairs(k, rule, Condition::b).size() == (size_t{1} << k) - 1);
        }
    }
}

TEST_CASE("For two types the allowed pairs are the five that the conditions name") {
    std::set<std::string> shown;
    for (const TruthPair& p : allowed_pairs(2, Rule::paper, Condition::both)) {
        shown.insert(show_mask(p.better, 2) + ">" + show_mask(p.worse, 2) + " " +
                     std::string(condition_name(p, 2)));
    }
    CHECK(shown ==
          std::set<std::string>{"TT>TF a", "TT>FT a", "TT>FF a and b", "TF>FF b", "FT>FF b"});
}

TEST_CASE("Mixed against mixed is excluded by the paper's rule from three types on") {
    const TruthPair mixed{0b011, 0b001};  // TTF > TFF
    CHECK_FALSE(allowed(mixed, 3, Rule::paper, Condition::both));
    CHECK(allowed(mixed, 3, Rule::dominance, Condition::both));
    const TruthPair crossed{0b011, 0b100};  // TTF > FFT
    CHECK_FALSE(allowed(crossed, 3, Rule::dominance, Condition::both));
    CHECK(allowed(crossed, 3, Rule::count, Condition::both));
}

TEST_CASE("Conflicts are symmetric, stars name all, and a minus takes one back") {
    const Types types({type("a"), type("b", "a"), type("c"), type("d", "* -c")});
    const TypePool pool(types.pointers, {}, {});
    REQUIRE(pool.size() == 4);
    const char expected[4][5] = {"XX.X", "XX.X", "..X.", "XX.X"};  // a b c d; X conflicts
    for (size_t n = 0; n < 4; ++n) {
        for (size_t m = 0; m < 4; ++m) {
            CAPTURE(pool.id(n), pool.id(m));
            CHECK(pool.conflict(n, m) == (expected[n][m] == 'X'));
        }
    }
    CHECK(pool.can_draw(2));
    CHECK_FALSE(pool.can_draw(3));  // {c} with one of a, b, d is the largest set
}

TEST_CASE("Draws hold k distinct types without a conflict and reach every one of them") {
    const Types types({type("a"), type("b", "a"), type("c"), type("d", "* -c"), type("e")});
    const TypePool pool(types.pointers, {}, {});
    std::map<std::string, int> seen;
    for (uint64_t seed = 0; seed < 400; ++seed) {
        samara::Random random(seed);
        const auto drawn = pool.draw(2, random);
        REQUIRE(drawn.size() == 2);
        REQUIRE_FALSE(pool.conflict(drawn[0], drawn[1]));
        ++seen[pool.id(drawn[0])];
        ++seen[pool.id(drawn[1])];
    }
    CHECK(seen.size() == 5);
}

TEST_CASE("A choice of types is checked by name") {
    const Types types({type("a"), type("b"), type("c", "", 0)});
    CHECK(TypePool(types.pointers, {}, {}).size() == 2);  // c cannot be solved
    CHECK(TypePool(types.pointers, {"b"}, {}).id(0) == "b");
    CHECK(TypePool(types.pointers, {}, {"a"}).id(0) == "b");
    CHECK(TypePool(types.pointers, {"b"}, {}).index(0) == 1);
    CHECK_THROWS_AS(TypePool(types.pointers, {"x"}, {}), std::invalid_argument);
    CHECK_THROWS_AS(TypePool(types.pointers, {}, {"x"}), std::invalid_argument);
    CHECK_THROWS_AS(TypePool(types.pointers, {"c"}, {}), std::invalid_argument);
    CHECK_THROWS_AS(TypePool(types.pointers, {"a", "a"}, {}), std::invalid_argument);
}
