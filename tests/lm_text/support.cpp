// See support.hpp.
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

namespace samara::test {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

void give_up(const std::string& message) {
    if (std::getenv("CI") != nullptr) {
        FAIL(message);
    }
    SKIP(message);
}

std::string letter(
    int byte) {  // written independently of the code under test: GPT-2's bytes_to_unicode
    static const std::vector<int> codes = [] {
        std::vector<int> all(256, -1);
        int next = 256;
        for (int b = 0; b < 256; ++b) {
            const bool shows = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            all[static_cast<size_t>(b)] = shows ? b : next++;
        }
        return all;
    }();
    const int code = codes[static_cast<size_t>(byte)];
    if (code < 0x80) {
        return std::string(1, static_cast<char>(code));
    }
    return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    static int count = 0;
    path_ = (fs::temp_directory_path() /
             ("samara-text-" + std::to_string(::getpid()) + "-" + std::to_string(count++)))
                .string();
    fs::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& text) const {
    std::string path = path_;
    path.append("/").append(name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

std::string run_oracle(const std::vector<std::string>& arguments) {
    const char* named = std::getenv("SAMARA_TEST_PYTHON");
    const std::string python =
        named != nullptr ? named : SAMARA_SOURCE_DIR "/.venv-test/bin/python";
    if (!fs::exists(python)) {
        give_up("no test interpreter at " + python + " (scripts/dev test sets it up)");
    }
    const TemporaryFolder folder;
    std::string command = "'" + python + "' '" SAMARA_SOURCE_DIR "/tests/lm_text/oracle.py'";
    for (const std::string& argument : arguments) {
        command += " '" + argument + "'";
    }
    command += " '" + folder.path() + "/out' 2>'" + folder.path() + "/err'";
    const int status = std::system(command.c_str());
    INFO(command << "\n" << read_file(folder.path() + "/err"));
    REQUIRE(status == 0);
    return read_file(folder.path() + "/out");
}

std::vector<Case> oracle_cases(const std::vector<std::string>& arguments) {
    const std::string bytes = run_oracle(arguments);
    std::vector<Case> cases;
    size_t at = 0;
    const auto number = [&] {
        uint32_t value = 0;
        if (at + 4 > bytes.size()) {
            FAIL("the oracle's records end early");
        }
        std::memcpy(&value, bytes.data() + at, 4);
        at += 4;
        return value;
    };
    while (at < bytes.size()) {
        Case one;
        const uint32_t size = number();
        one.text = bytes.substr(at, size);
        at += size;
        for (uint32_t count = number(); count > 0; --count) {
            one.numbers.push_back(number());
        }
        cases.push_back(std::move(one));
    }
    return cases;
}

std::string fuzz_corpus(int count) {
    const char* named = std::getenv("SAMARA_TEST_FUZZ");
    return "fuzz:" + (named != nullptr ? std::string(named) : std::to_string(count));
}

std::string shared_folder() {
    const std::string folder = SAMARA_TEST_SHARED;
    if (!fs::exists(folder)) {
        give_up("the shared material is absent: " + folder);
    }
    return folder;
}

std::string demo_model() {
    const char* own = std::getenv("SAMARA_CACHE_DIR");
    const char* xdg = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    std::string cache = own != nullptr ? own : "";
    if (own == nullptr) {
        cache = xdg != nullptr ? xdg : std::string(home != nullptr ? home : "").append("/.cache");
        cache += "/samara";
    }
    const std::string folder = cache + "/models/smollm2-135m-instruct";
    if (!fs::exists(folder + "/tokenizer.json")) {
        give_up("the demo model is absent: " + folder +
                " (scripts/get_model smollm2-135m-instruct)");
    }
    return folder;
}

std::string small_tokenizer(const std::string& changes) {
    const std::string space = letter(' ');
    json vocab = json::object();
    for (int byte = 0; byte < 256; ++byte) {
        vocab[letter(byte)] = byte;
    }
    vocab["th"] = 256;
    vocab["the"] = 257;
    vocab[space + "t"] = 258;
    vocab[space + "the"] = 259;
    const json byte_level = {{"type", "ByteLevel"},
                             {"add_prefix_space", false},
                             {"trim_offsets", true},
                             {"use_regex", true}};
    json value = {{"version", "1.0"},
                  {"truncation", nullptr},
                  {"padding", nullptr},
                  {"added_tokens", json::array()},
                  {"normalizer", nullptr},
                  {"pre_tokenizer", byte_level},
                  {"post_processor", nullptr},
                  {"decoder", byte_level},
                  {"model",
                   {{"type", "BPE"},
                    {"dropout", nullptr},
                    {"unk_token", nullptr},
                    {"continuing_subword_prefix", nullptr},
                    {"end_of_word_suffix", nullptr},
                    {"fuse_unk", false},
                    {"byte_fallback", false},
                    {"ignore_merges", false},
                    {"vocab", vocab},
                    {"merges", {"t h", "th e", space + " t", space + " the"}}}}};
    const json fields = json::parse(changes);
    for (const auto& [key, change] : fields.items()) {
        if (key == "model") {
            value[key].merge_patch(change);
        } else {
            value[key] = change;
        }
    }
    return value.dump();
}

std::string shown(const std::string& text) {
    return json(text.substr(0, 400)).dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace samara::test
