// The log interface: silent at first, levels, sinks, what stderr shows.
#include "core/log/log.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace log = samara::host::log;

namespace {

// What `action` writes to the process's stderr.
template <class Action>
std::string captured(Action action) {
    std::fflush(stderr);
    FILE* file = std::tmpfile();
    const int old = ::dup(2);
    ::dup2(::fileno(file), 2);
    action();
    std::fflush(stderr);
    ::dup2(old, 2);
    ::close(old);
    std::rewind(file);
    std::string text;
    for (int c = 0; (c = std::fgetc(file)) != EOF;) {
        text += static_cast<char>(c);
    }
    std::fclose(file);
    return text;
}

struct Restore {
    ~Restore() {
        log::set_sink({});
        log::set_level(log::Level::info);
    }
};

}  // namespace

TEST_CASE("Without a sink the library prints nothing") {
    CHECK(captured([] { log::error("lost"); }).empty());
}

TEST_CASE("A sink gets messages from its level on, as they are") {
    const Restore restore;
    std::vector<std::pair<log::Level, std::string>> got;
    log::set_sink(
        [&](log::Level level, const std::string& text) { got.emplace_back(level, text); });
    log::debug("no");
    log::info("braces {} and %v stay");
    log::set_level(log::Level::debug);
    log::debug("yes");
    log::set_level(log::Level::error);
    log::warning("no");
    log::error("last");
    using Entry = std::pair<log::Level, std::string>;
    CHECK(got == std::vector<Entry>{{log::Level::info, "braces {} and %v stay"},
                                    {log::Level::debug, "yes"},
                                    {log::Level::error, "last"}});
}

TEST_CASE("On stderr only information has no prefix, and colour is the caller's choice") {
    const Restore restore;
    const auto speak = [] {
        log::info("plain");
        log::warning("careful");
        log::error("bad");
    };
    log::init_stderr(false);
    CHECK(captured(speak) == "plain\nwarning: careful\nerror: bad\n");
    log::init_stderr(true);
    const std::string coloured = captured(speak);
    CHECK(coloured.find("\033[") != std::string::npos);
    CHECK(coloured.find("warning: careful") != std::string::npos);
}

TEST_CASE("A sink that throws or logs harms nobody") {
    const Restore restore;
    int calls = 0;
    log::set_sink([&](log::Level, const std::string&) {
        ++calls;
        log::error("from inside");
        throw 1;
    });
    CHECK(captured([] { log::info("one"); }).empty());
    log::info("two");
    CHECK(calls == 2);
}

TEST_CASE("Messages of many threads arrive whole") {
    const Restore restore;
    std::vector<std::string> got;
    log::set_sink([&](log::Level, const std::string& text) { got.push_back(text); });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            for (int i = 0; i < 500; ++i) {
                log::info("message");
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(got == std::vector<std::string>(2000, "message"));
}
