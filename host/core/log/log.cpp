// spdlog behind the log interface; see log.hpp.  The only file that includes it.
#include "core/log/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace samara::host::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

Level from_spdlog(spdlog::level::level_enum level) {
    if (level <= spdlog::level::debug) {
        return Level::debug;
    }
    return level == spdlog::level::info   ? Level::info
           : level == spdlog::level::warn ? Level::warning
                                          : Level::error;
}

// Hands the text to a function; the base class holds the mutex.
class FunctionSink : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit FunctionSink(Sink sink) : sink_(std::move(sink)) {}

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        sink_(from_spdlog(message.level),
              std::string(message.payload.data(), message.payload.size()));
    }
    void flush_() override {}
    Sink sink_;
};

std::mutex guard;                         // of `current`
std::shared_ptr<spdlog::logger> current;  // null: silent
std::atomic<Level> lowest{Level::info};
thread_local bool inside = false;  // a sink that logs would wait for itself

void install(std::shared_ptr<spdlog::sinks::sink> sink) {
    std::shared_ptr<spdlog::logger> logger;
    if (sink) {
        logger = std::make_shared<spdlog::logger>("samara", std::move(sink));
        logger->set_level(spdlog::level::trace);
        // A closed stderr must not become a second complaint.
        logger->set_error_handler([](const std::string&) {});
    }
    const std::lock_guard<std::mutex> lock(guard);
    current = std::move(logger);
}

}  // namespace

void log(Level level, const std::string& text) noexcept {
    if (level < lowest.load() || inside) {
        return;
    }
    inside = true;
    try {
        std::shared_ptr<spdlog::logger> logger;
        {
            const std::lock_guard<std::mutex> lock(guard);
            logger = current;
        }
        if (logger) {
            logger->log(to_spdlog(level), spdlog::string_view_t(text));
        }
    } catch (...) {  // losing a message is better than losing the run
    }
    inside = false;
}

void debug(const std::string& text) noexcept {
    log(Level::debug, text);
}

void info(const std::string& text) noexcept {
    log(Level::info, text);
}

void warning(const std::string& text) noexcept {
    log(Level::warning, text);
}

void error(const std::string& text) noexcept {
    log(Level::error, text);
}

void set_sink(Sink sink) {
    install(sink ? std::make_shared<FunctionSink>(std::move(sink)) : nullptr);
}

void set_level(Level level) {
    lowest = level;
}

Level level() {
    return lowest;
}

const char* name_of(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
    }
    return "error";
}

void init_stderr(bool colour) {
    auto target = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(
        colour ? spdlog::color_mode::always : spdlog::color_mode::never);
    target->set_color(spdlog::level::info, target->reset);
    target->set_pattern("%^%v%$");
    // The prefix depends on the level, which a pattern cannot express.
    set_sink([target](Level level, const std::string& text) {
        const std::string line =
            level == Level::info ? text : std::string(name_of(level)) + ": " + text;
        const spdlog::details::log_msg message("samara", to_spdlog(level), line);
        target->log(message);
        target->flush();
    });
}

}  // namespace samara::host::log
