// Columns of hand-made groups, schedules, and the learning-rate edge cases.
#include "core/train/columns.hpp"

#include "core/train/schedule.hpp"

#include <ATen/ATen.h>
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace samara::host;

namespace {

Candidate candidate(int64_t length, int64_t label = 0) {
    Candidate c;
    c.prompt_ids = {1};
    c.response_ids = Ids(static_cast<size_t>(length), 5);
    c.label = label;
    return c;
}

Relation relation(const char* tag, int64_t i, int64_t j, int64_t k = -1, int64_t l = -1) {
    Relation r;
    r.order = k < 0 ? 1 : 2;
    r.i = i, r.j = j, r.k = k, r.l = l;
    r.tag = tag;
    return r;
}

// Group 0: candidates 0-3, a preference and a contrast.  Group 1: candidates 4-5, a preference of
// tag intra.
std::vector<Group> groups() {
    Group a, b;
    a.candidates = {candidate(1, 1), candidate(2, -1), candidate(3), candidate(4)};
    a.relations = {relation("base", 0, 1), relation("inter", 2, 3, 0, 1)};
    a.meta = {{"rank", "2.5"}, {"kind", "\"x\""}};
    b.candidates = {candidate(5), candidate(6)};
    b.relations = {relation("intra", 1, 0)};
    return {a, b};
}

Scored scores() {
    Scored scored;
    scored.score = at::tensor({1.0, 4.0, 9.0, 16.0, 25.0, 36.0}, at::kDouble);
    return scored;
}

std::vector<double> values(const at::Tensor& t) {
    const at::Tensor d = t.to(at::kDouble).contiguous();
    return {d.const_data_ptr<double>(), d.const_data_ptr<double>() + d.numel()};
}

const std::vector<std::string> kTags = {"base", "intra", "inter"};

}  // namespace

TEST_CASE(
    "gap.score is a difference for preferences and a difference of differences for contrasts") {
    const auto all = groups();
    const Group* pointers[] = {&all[0], &all[1]};
    Columns columns(pointers, kTags, {}, at::kDouble, at::kCPU);
    CHECK_FALSE(columns.get("gap.score").defined());
    columns.attach(scores());
    // base: 1 - 4; inter: (9 - 16) - (1 - 4); intra of group 1: 36 - 25
    CHECK(values(columns.get("gap.score")) == std::vector<double>{-3, -4, 11});
    CHECK(values(columns.get("rel.i")) == std::vector<double>{0, 2, 5});
    CHECK(values(columns.get("rel.k")) == std::vector<double>{-1, 0, -1});
    CHECK(values(columns.get("rel.tag")) == std::vector<double>{0, 2, 1});
    CHECK(values(columns.get("rel.group")) == std::vector<double>{0, 0, 1});
    CHECK(values(columns.get("length")) == std::vector<double>{1, 2, 3, 4, 5, 6});
    CHECK(values(columns.get("gap.length")) == std::vector<double>{-1, 0, 1});
    const auto rank = values(columns.get("meta.rank"));
    CHECK(rank[0] == 2.5);
    CHECK(std::isnan(rank[1]));
}

TEST_CASE("an objective sees only the relations of its tags and the candidates they use") {
    const auto all = groups();
    const Group* pointers[] = {&all[0], &all[1]};
    Columns columns(pointers, kTags, {true, true, false}, at::kDouble, at::kCPU);
    columns.attach(scores());
    CHECK(values(columns.get("score")) == std::vector<double>{1, 4, 25, 36});
    CHECK(values(columns.get("gap.score")) == std::vector<double>{-3, 11});
    CHECK(values(columns.get("rel.j")) == std::vector<double>{1, 2});
    CHECK(values(columns.get("group")) == std::vector<double>{0, 0, 1, 1});
}

TEST_CASE("columns of prompts and of tokens follow the candidates an objective sees") {
    auto all = groups();
    for (Group& group : all) {
        for (Candidate& c : group.candidates) {
            c.prompt_ids = Ids(c.response_ids.size() + 1, 7);
            c.ref_prompt_logp = -static_cast<double>(c.response_ids.size());
            c.ref_tok_logp = std::vector<double>(c.response_ids.size(), c.ref_prompt_logp / 2);
        }
    }
    const Group* pointers[] = {&all[0], &all[1]};
    Scored scored = scores();
    scored.logp = scored.score;
    scored.prompt_logp = -scored.score;
    scored.tok_logp = at::arange(0, 21, at::kDouble);  // 1 + 2 + ... + 6 response tokens
    scored.tok_entropy = scored.tok_logp + 100;
    scored.tok_log_p2 = scored.tok_logp + 200;
    Columns columns(pointers, kTags, {false, true, false}, at::kDouble, at::kCPU);
    columns.attach(scored);
    CHECK(values(columns.get("prompt_logp")) == std::vector<double>{-25, -36});
    CHECK(values(columns.get("gap.prompt_logp")) == std::vector<double>{-11});
    CHECK(values(columns.get("ref_prompt_logp")) == std::vector<double>{-5, -6});
    CHECK(values(columns.get("prompt_length")) == std::vector<double>{6, 7});
    const at::Tensor tokens = at::arange(10, 21, at::kDouble);  // those of candidates 4 and 5
    CHECK(at::equal(columns.get("tok.logp"), tokens));
    CHECK(at::equal(columns.get("tok.entropy"), tokens + 100));
    CHECK(at::equal(columns.get("tok.log_p2"), tokens + 200));
    CHECK(values(columns.get("tok.ref_logp"))[4] == -2.5);
    CHECK(values(columns.get("tok.ref_logp"))[5] == -3);
}

TEST_CASE("the gradient of a contrast reaches all four ends with the right signs") {
    const auto all = groups();
    const Group* pointers[] = {&all[0], &all[1]};
    Columns columns(pointers, kTags, {false, false, true}, at::kDouble, at::kCPU);
    Scored scored = scores();
    scored.score.requires_grad_();
    columns.attach(scored);
    columns.get("gap.score").sum().backward();
    CHECK(values(scored.score.grad()) == std::vector<double>{-1, 1, 1, -1, 0, 0});
}

TEST_CASE("columns of other pipelines are refused with the pipelines that have them") {
    CHECK_FALSE(why_unavailable("gap.score", "reward", "initial"));
    CHECK_FALSE(why_unavailable("meta.anything", "reward", "initial"));
    CHECK(why_unavailable("gap.ref_logp", "reward", "initial")->find("dpo") != std::string::npos);
    CHECK(why_unavailable("tok.advantage", "reward", "initial")->find("ppo") != std::string::npos);
    CHECK(why_unavailable("scores", "reward", "initial")->find("no pipeline") != std::string::npos);
}

TEST_CASE("schedules warm up linearly and then follow their curve") {
    using Catch::Approx;
    // 4 warm-up steps of 10: 1/4, 2/4, 3/4, 1, then cosine over 6 steps: half way at step 7
    CHECK(schedule_factor("cosine", 0, 10, 4) == Approx(0.25));
    CHECK(schedule_factor("cosine", 3, 10, 4) == Approx(1.0));
    CHECK(schedule_factor("cosine", 4, 10, 4) == Approx(1.0));
    CHECK(schedule_factor("cosine", 7, 10, 4) == Approx(0.5));
    CHECK(schedule_factor("linear", 9, 10, 4) == Approx(1.0 / 6));
    CHECK(schedule_factor("constant", 9, 10, 0) == 1.0);
    CHECK(schedule_factor("linear", 0, 1, 1) == 1.0);
}
