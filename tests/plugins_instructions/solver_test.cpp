// solver_test.cpp - what the solvers return holds, is reproducible, depends on nothing else, and
// can be said.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <map>
#include <set>

using namespace samara;
using namespace samara::test;

namespace {

std::vector<Row> example_rows() {
    return read_rows(SAMARA_SOURCE_DIR "/examples/data/preferences.jsonl");
}

std::string shown(const std::optional<Solution>& s) {
    return s ? s->kwargs + (s->negated ? " negated" : "") : "none";
}

}  // namespace

TEST_CASE("the libraries offer 22 types, 17 with solvers, and 21; they name real conflicts",
          "[instructions]") {
    const Library more("samara.more_instructions");
    CHECK(more.types().size() == 21);
    for (const samara_instruction_type* type : more.types()) {
        const std::string list = type->conflicts;
        CHECK((type->can_solve == 1 && type->can_negate == 1));
        CHECK((list.starts_with("*") || list.find(type->id) != std::string::npos));
    }
    const Library library;
    std::set<std::string> ids;
    size_t solvable = 0;
    for (const samara_instruction_type* type : library.types()) {
        ids.insert(type->id);
        solvable += type->can_solve != 0 ? 1 : 0;
    }
    CHECK(ids.size() == 22);
    CHECK(solvable == 17);
    for (const samara_instruction_type* type : library.types()) {
        const std::string list = type->conflicts;
        CHECK((list.starts_with("*") || list.find(type->id) != std::string::npos));
    }
    CHECK(std::string(library.descriptor().id) == "samara.ifeval");
    CHECK(std::string(library.descriptor().kind) == "instruction/1");
}

TEST_CASE("every solution gives the demanded truths, for one and for two responses",
          "[instructions][solver]") {
    const bool more = GENERATE(false, true);
    const Library library(more ? "samara.more_instructions" : "samara.ifeval");
    const Rows data(example_rows());
    std::map<std::string, int> single, same, mixed;
    const auto types = library.types();
    for (size_t t = 0; t < types.size(); ++t) {
        for (size_t row = 0; row < data.rows().size(); ++row) {
            const std::string& a = data.response(2 * row);
            const std::string& b = data.response(2 * row + 1);
            Random random(3, types[t]->id, static_cast<int64_t>(row));
            const bool truth = random.below(2) == 1;
            const std::vector<std::vector<Demand>> wanted = {
                {{a, truth}}, {{b, !truth}}, {{a, truth}, {b, truth}}, {{a, truth}, {b, !truth}}};
            for (const auto& demands : wanted) {
                const uint64_t seed = random.next();
                const auto found =
                    library.solve(data.dataset(), static_cast<int64_t>(t), demands, seed);
                CHECK((!found || types[t]->can_solve != 0));
                if (!found) {
                    continue;
                }
                ++(demands.size() == 1                    ? single
                   : demands[0].truth == demands[1].truth ? same
                                                          : mixed)[types[t]->id];
                for (const Demand& d : demands) {
                    const Judged got = library.check(
                        types[t]->id, found->kwargs, std::string(d.response), found->negated);
                    if (got.status != SAMARA_OK || got.strict != (d.truth ? 1 : 0)) {
                        FAIL(types[t]->id << " " << shown(found) << " seed " << seed);
                    }
                }
            }
        }
    }
    // The types that nearly every response can be asked about.
    using Ids = std::vector<std::string>;
    const Ids beyond = {"count:word_count_range",
                        "count:unique_word_count",
                        "words:repeats",
                        "keywords:word_once",
                        "first_word:first_word_answer",
                        "last_word:last_word_answer",
                        "letters:letter_counting",
                        "count:lowercase_counting"};
    const Ids own = {"length_constraints:number_words",
                     "length_constraints:number_sentences",
                     "keywords:existence",
                     "keywords:forbidden_words",
                     "keywords:frequency",
                     "keywords:letter_frequency",
                     "startend:end_checker"};
    for (const std::string& id : more ? beyond : own) {
        INFO(id);
        CHECK(single[id] > 180);
        CHECK(same[id] > 120);
        CHECK(mixed[id] > 120);
    }
    CHECK(single.size() >= (more ? 8 : 12));
}

TEST_CASE("solutions depend on the arguments alone", "[instructions][solver]") {
    const Rows data(example_rows());
    const Rows copy(example_rows());
    const Library first;
    const Library second;
    const auto types = first.types();
    std::vector<std::string> forward;
    const auto solve = [&](const Library& library, const Rows& rows, size_t t, size_t i) {
        const std::vector<Demand> demand{{rows.response(i), i % 3 == 0}};
        return shown(library.solve(rows.dataset(), static_cast<int64_t>(t), demand, 1000 + i));
    };
    std::set<std::string> distinct;
    for (size_t t = 0; t < types.size(); ++t) {
        for (size_t i = 0; i < 40; ++i) {
            forward.push_back(solve(first, data, t, i));
            distinct.insert(forward.back());
        }
    }
    CHECK(distinct.size() > 150);
    // Another instance, another address of the data, types and rows backwards.
    for (size_t t = types.size(); t-- > 0;) {
        for (size_t i = 40; i-- > 0;) {
            REQUIRE(solve(second, copy, t, i) == forward[t * 40 + i]);
        }
    }
}

TEST_CASE("a data set that cannot balance a type gives no solution for it",
          "[instructions][solver]") {
    // Nobody writes a title here: asked about alone, its truth would be known from the wording.
    std::vector<Row> rows;
    for (int i = 0; i < 40; ++i) {
        const std::string tail(static_cast<size_t>(i), 'x');
        rows.push_back(
            {{"chosen", "Quiet rivers carry boats " + tail}, {"rejected", "Loud trains, " + tail}});
    }
    const Rows data(rows);
    const Library library;
    const int64_t title = library.find("detectable_format:title");
    const int64_t comma = library.find("punctuation:no_comma");
    for (size_t i = 0; i < data.size(); ++i) {
        const std::vector<Demand> demand{{data.response(i), i % 2 == 0}};
        CHECK_FALSE(library.solve(data.dataset(), title, demand, i));
        CHECK(library.solve(data.dataset(), comma, demand, i));  // half of the responses have one
    }
    // Contradictions and blanks have no solution either.
    const std::vector<Demand> contradiction{{"same", true}, {"same", false}};
    const std::vector<Demand> blank{{" \n", true}};
    CHECK_FALSE(library.solve(data.dataset(), comma, contradiction, 1));
    CHECK_FALSE(library.solve(data.dataset(), comma, blank, 1));
}

TEST_CASE("wordings: four or more per polarity, two disjoint sets, arguments stated",
          "[instructions][phrase]") {
    const Library library(GENERATE("samara.ifeval", "samara.more_instructions"));
    const std::map<std::string, std::string> kwargs = {
        {"keywords:existence", R"({"keywords": ["harbour", "lantern"]})"},
        {"keywords:frequency",
         R"({"keyword": "harbour", "frequency": 37, "relation": "at least"})"},
        {"keywords:forbidden_words", R"({"forbidden_words": ["harbour"]})"},
        {"keywords:letter_frequency",
         R"({"letter": "q", "let_frequency": 37, "let_relation": "at least"})"},
        {"length_constraints:number_sentences", R"({"num_sentences": 37, "relation": "at least"})"},
        {"length_constraints:number_paragraphs", R"({"num_paragraphs": 37})"},
        {"length_constraints:number_words", R"({"num_words": 37, "relation": "at least"})"},
        {"length_constraints:nth_paragraph_first_word",
         R"({"num_paragraphs": 37, "nth_paragraph": 2, "first_word": "harbour"})"},
        {"detectable_content:number_placeholders", R"({"num_placeholders": 37})"},
        {"detectable_content:postscript", R"({"postscript_marker": "P.P.S"})"},
        {"detectable_format:number_bullet_lists", R"({"num_bullets": 37})"},
        {"detectable_format:number_highlighted_sections", R"({"num_highlights": 37})"},
        {"detectable_format:multiple_sections",
         R"({"section_spliter": "Day", "num_sections": 37})"},
        {"combination:repeat_prompt", R"({"prompt_to_repeat": "Name a harbour."})"},
        {"startend:end_checker", R"({"end_phrase": "So ends the harbour."})"},
        {"change_case:capital_word_frequency",
         R"({"capital_frequency": 37, "capital_relation": "at least"})"},
        {"count:word_count_range", R"({"min_words": 37, "max_words": 91})"},
        {"count:unique_word_count", R"({"N": 37})"},
        {"count:numbers", R"({"N": 37})"},
        {"words:repeats", R"({"small_n": 37})"},
        {"keywords:word_once", R"({"keyword": "harbour"})"},
        {"first_word:first_word_answer", R"({"first_word": "harbour"})"},
        {"last_word:last_word_answer", R"({"last_word": "harbour"})"},
        {"letters:letter_counting", R"({"N": 37, "relation": "at least"})"},
        {"count:lowercase_counting", R"({"N": 37})"},
    };
    for (const samara_instruction_type* type : library.types()) {
        const auto row = kwargs.find(type->id);
        const std::string arguments = row == kwargs.end() ? "{}" : row->second;
        std::set<std::string> all_polarities;
        for (const bool negated : {false, true}) {
            std::string error;
            library.phrase(type->id, {arguments, negated}, Wordings::all, 0, &error);
            INFO(type->id << " negated " << negated << " " << error);
            CHECK(error.empty() == (!negated || type->can_negate != 0));
            if (!error.empty()) {
                continue;
            }
            std::map<Wordings, std::set<std::string>> sets;
            for (const Wordings set : {Wordings::all, Wordings::training, Wordings::held_out}) {
                for (uint64_t seed = 0; seed < 200; ++seed) {
                    sets[set].insert(library.phrase(type->id, {arguments, negated}, set, seed));
                }
            }
            CHECK(sets[Wordings::all].size() >= 4);
            CHECK(sets[Wordings::training].size() >= 2);
            CHECK(sets[Wordings::training].size() + sets[Wordings::held_out].size() ==
                  sets[Wordings::all].size());
            for (const std::string& text : sets[Wordings::all]) {
                INFO(text);
                CHECK((sets[Wordings::training].count(text) +
                       sets[Wordings::held_out].count(text)) == 1);
                CHECK(text.find('{') == std::string::npos);
                CHECK((arguments.find("37") == std::string::npos ||
                       text.find("37") != std::string::npos));
                CHECK((arguments.find("harbour") == std::string::npos ||
                       text.find("harbour") != std::string::npos));
                CHECK((arguments.find("P.P.S") == std::string::npos ||
                       text.find("P.P.S") != std::string::npos));
                CHECK(all_polarities.insert(text).second);  // a text means one thing
            }
        }
    }
    std::string error;
    const Library ifeval;
    ifeval.phrase("punctuation:no_comma", {"{}", false}, static_cast<Wordings>(3), 0, &error);
    CHECK(error.find("3") != std::string::npos);
}
