// Tables, numbers and the progress line, against texts written by hand.
#include "core/report/tables.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace samara::host;

TEST_CASE("Numbers for people") {
    CHECK(fixed(0.69314, 4) == "0.6931");
    CHECK(fixed(-0.00001, 2) == "0.00");
    CHECK(fixed(-0.5, 1) == "-0.5");
    CHECK(fixed(std::nan(""), 2) == "-");
    CHECK(fixed(1e308, 0).size() == 309);
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(1000) == "1,000");
    CHECK(grouped(-1234567) == "-1,234,567");
    CHECK(bytes_text(512LL << 20) == "512 MiB");
    CHECK(bytes_text(2254857830LL) == "2.1 GiB");  // 2.1 * 2^30
    CHECK(duration_text(7.4) == "0:07");
    CHECK(duration_text(750) == "12:30");
    CHECK(duration_text(3723) == "1:02:03");
    CHECK(duration_text(59.6) == "1:00");
    CHECK(duration_text(-1) == "-");
}

TEST_CASE("A table aligns numbers to the right and counts characters, not bytes") {
    CHECK(text_table({"tag", "n"}, {{"base", "7"}, {"\u00fcber", "1,200"}}) ==
          "tag       n\n"
          "base      7\n"
          "\u00fcber  1,200\n");
    CHECK(text_table({"tag"}, {}) == "tag\n");
}

TEST_CASE("The change table shows accuracies in percent with the interval of the change") {
    ChangeRow row;
    row.set = "held-out";
    row.tag = "intra";
    row.relations = 1200;
    row.accuracy_before = 0.5;
    row.accuracy_after = 0.625;
    row.low = -0.01;
    row.high = 0.26;
    row.loss_before = 0.6931;
    row.loss_after = 0.5;
    ChangeRow part = row, length = row;
    part.part = "kind=plan";
    part.relations = 12;
    length.part = "longer";
    CHECK(change_table({row}) ==
          "set       tag    relations  accuracy % before  after  change           95 %  loss "
          "before   after\n"
          "held-out  intra      1,200               50.0   62.5   +12.5  [-1.0, +26.0]       "
          "0.6931  0.5000\n");
    CHECK(change_table({row, part, length})
              .ends_with("held-out  intra, kind=plan         12               50.0   62.5   +12.5  "
                         "[-1.0, +26.0]       "
                         "     -       -\n"));
}

TEST_CASE("The progress line leaves out what is not known and fits the terminal") {
    ProgressState state;
    state.phase = "train";
    CHECK(progress_line(state) == "train");
    state.step = 12;
    state.total_steps = 40;
    state.loss = 0.65123;
    state.tokens_per_second = 1234.4;
    state.resident_bytes = 2254857830LL;
    state.seconds_left = 200;
    CHECK(progress_line(state) ==
          "train 12/40 30% | loss 0.6512 | 1,234 tok/s | 2.1 GiB | ETA 3:20");
    state.loss = -0.25;  // of rollouts
    CHECK(progress_line(state).starts_with("train 12/40 30% | loss -0.2500 | "));
    CHECK(progress_line(state, 11) == "train 12/40");
    CHECK(progress_line(state, 1000) == progress_line(state));
    ProgressState prepare;
    prepare.phase = "\u00fcben";
    prepare.done = 3;
    prepare.todo = 10;
    CHECK(progress_line(prepare) == "\u00fcben | group 3/10");
    CHECK(progress_line(prepare, 1) == "\u00fc");
}
