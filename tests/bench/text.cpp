// Rate of the tokenizer on the example data, one core: pairs as a run reads them, and the worst
// cases, one word and one run of spaces of a megabyte.  Not a test.
//
//   bench_text [repeats = 5]        needs the demo model (scripts/get_model)
#include "core/config/config.hpp"
#include "lm/text/tokenizer.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace samara::host;

namespace {

double seconds_of(int repeats, const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
    std::vector<double> seconds;
    for (int n = 0; n < repeats; ++n) {
        const auto begin = std::chrono::steady_clock::now();
        for (const std::string& text : texts) {
            (void)tokenizer.encode(text);
        }
        seconds.push_back(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
    const int repeats = std::max(1, count > 1 ? std::atoi(arguments[1]) : 5);
    std::vector<std::string> texts;
    size_t bytes = 0;
    for (const char* name : {"preferences.jsonl", "preferences_eval.jsonl"}) {
        std::ifstream file(std::string(SAMARA_SOURCE_DIR "/examples/data/") + name);
        for (std::string line; std::getline(file, line);) {
            const auto row = nlohmann::json::parse(line);
            for (const char* field : {"prompt", "chosen", "rejected"}) {
                texts.push_back(row[field]);
                bytes += texts.back().size();
            }
        }
    }
    const std::string model = model_folder("cache:smollm2-135m-instruct") + "/tokenizer.json";
    const Tokenizer fresh(model);  // the first pass fills the cache of pieces
    const double first = seconds_of(1, fresh, texts), again = seconds_of(repeats, fresh, texts);
    std::string word;
    for (unsigned i = 0; i < 1'000'000; ++i) {
        word.push_back(static_cast<char>('a' + (i * i + i / 7) % 26));
    }
    const double megabytes = static_cast<double>(bytes) / 1e6;
    std::printf("tokenizer: %.1f MB/s at first, %.1f MB/s once its pieces are known (%.2f MB)\n",
                megabytes / first,
                megabytes / again,
                megabytes);
    std::printf("tokenizer: a word of 1 MB in %.2f s, 1 MB of spaces in %.2f s\n",
                seconds_of(1, fresh, {word}),
                seconds_of(1, fresh, {std::string(1'000'000, ' ')}));
}
