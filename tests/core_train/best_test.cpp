// The best weights of a run: which evaluation is better, what is stored and put back, when waiting
// ends, and that a continued run decides as one that was never stopped.
#include "core/train/best.hpp"

#include "runtime/error.hpp"

#include <ATen/ATen.h>
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <limits>
#include <unistd.h>

using namespace samara::host;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "samara-best-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path;
};

Plan plan(int64_t patience = 0, bool lowest = false) {
    Plan out;
    out.best_metric = "held/loss/base";
    out.best_is_lowest = lowest;
    out.best_patience = patience;
    return out;
}

Row row(double value) {
    return {{{"eval", std::string("held")}, {"step", int64_t{1}}, {"loss/base", value}}};
}

std::vector<NamedTensor> weights(double value) {
    return {{"model.w", at::full({2, 3}, value)}, {"model.b", at::full({2}, -value)}};
}

/// The best step after evaluations with these values at steps 0, 1, 2, ..., whose weights are 10 +
/// step.
int64_t best_of(Best& best, const std::vector<double>& values, int64_t first = 0) {
    for (size_t n = 0; n < values.size(); ++n) {
        const auto step = first + static_cast<int64_t>(n);
        best.observe("held", step, row(values[n]), weights(10.0 + static_cast<double>(step)));
    }
    return best.step().value();
}

}  // namespace

TEST_CASE("the highest value is best, the first of equals, and its weights come back") {
    const Folder folder;
    Best best(plan(), folder.path);
    CHECK_FALSE(best.step());
    CHECK(best_of(best, {0.1, 0.5, 0.3, 0.5, 0.4}) == 1);
    CHECK(best.value() == 0.5);
    std::vector<NamedTensor> back = weights(0);
    best.restore(back);
    CHECK(at::equal(back[0].value, at::full({2, 3}, 11.0)));
    CHECK(at::equal(back[1].value, at::full({2}, -11.0)));
}

TEST_CASE("with goal min the lowest value is best, negative ones too") {
    const Folder folder;
    Best best(plan(0, true), folder.path);
    CHECK(best_of(best, {0.1, -0.5, 0.3, -0.5, -0.4}) == 1);
    CHECK(best.value() == -0.5);
}

TEST_CASE("patience counts evaluations without a better value, and a better one starts anew") {
    const Folder folder;
    Best best(plan(2), folder.path);
    const std::vector<double> values = {0.1, 0.1, 0.2, 0.2, 0.0};
    const std::vector<bool> ends = {false, false, false, false, true};
    for (size_t n = 0; n < values.size(); ++n) {
        best.observe("held", static_cast<int64_t>(n), row(values[n]), weights(0));
        CAPTURE(n);
        CHECK(best.exhausted() == ends[n]);
    }
    Best endless(plan(0), folder.path);
    best_of(endless, {1, 0, 0, 0, 0, 0});
    CHECK_FALSE(endless.exhausted());
}

TEST_CASE("evaluations of other sets are passed over") {
    const Folder folder;
    Best best(plan(1), folder.path);
    best.observe("held", 0, row(0.5), weights(1));
    best.observe("other", 1, row(0.9), weights(2));
    best.observe("hel", 1, row(0.9), weights(2));
    CHECK(best.step() == 0);
    CHECK_FALSE(best.exhausted());
}

TEST_CASE("a value that is absent or no number is refused with the numbers that are there") {
    const Folder folder;
    Best best(plan(), folder.path);
    const auto message = [&](const Row& given) {
        try {
            best.observe("held", 3, given, weights(1));
        } catch (const Error& error) {
            CHECK(error.code() == Code::config);
            return render(error.problems().front());
        }
        return std::string("no error");
    };
    const std::string absent =
        message({{{"step", int64_t{3}}, {"loss", 0.25}, {"accuracy/base", 0.5}}});
    CHECK(absent.find("'held' gave no finite 'loss/base'") != std::string::npos);
    CHECK(absent.find("it has loss, accuracy/base") != std::string::npos);
    CHECK(message(row(std::numeric_limits<double>::quiet_NaN())).find("no finite") !=
          std::string::npos);
    CHECK_FALSE(best.step());
    CHECK_FALSE(fs::exists(folder.path + "/best"));
}

TEST_CASE("a continued run decides as one that was never stopped") {
    const std::vector<double> values = {0.3, 0.6, 0.2, 0.1, 0.7, 0.5, 0.4, 0.3};
    const Folder whole_folder;
    Best whole(plan(3), whole_folder.path);
    const int64_t expected = best_of(whole, values);
    for (size_t cut = 0; cut <= values.size(); ++cut) {
        CAPTURE(cut);
        const Folder folder;
        Best first(plan(3), folder.path);
        if (cut > 0) {
            best_of(first, {values.begin(), values.begin() + static_cast<int64_t>(cut)});
        }
        Best second(plan(3), folder.path);
        second.load(nlohmann::json::parse(first.save().dump()));  // as a checkpoint's text
        CHECK(second.exhausted() == first.exhausted());
        for (size_t n = cut; n < values.size(); ++n) {
            best_of(second, {values[n]}, static_cast<int64_t>(n));
        }
        CHECK(second.step() == expected);
        CHECK(second.value() == whole.value());
        CHECK(second.exhausted() == whole.exhausted());
        std::vector<NamedTensor> a = weights(0), b = weights(0);
        whole.restore(a);
        second.restore(b);
        CHECK(at::equal(a[0].value, b[0].value));
    }
}

TEST_CASE("a stored best that was damaged is refused, not published") {
    const Folder folder;
    Best best(plan(), folder.path);
    best_of(best, {0.5});
    const std::string file = folder.path + "/best/checkpoints/step-00000000/tensors.safetensors";
    {
        std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
        REQUIRE(damaged.is_open());
        damaged.seekp(-1, std::ios::end);
        damaged.put('\x7f');  // of the last number
    }
    std::vector<NamedTensor> back = weights(0);
    CHECK_THROWS_AS(best.restore(back), Error);
}
