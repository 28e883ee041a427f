// Text forms of errors; see error.hpp.
#include "runtime/error.hpp"

namespace samara::host {

const char* name_of(Code code) {
    switch (code) {
        case Code::internal:
            return "internal";
        case Code::config:
            return "config";
        case Code::data:
            return "data";
        case Code::plugin:
            return "plugin";
        case Code::plugin_fault:
            return "plugin-fault";
        case Code::io:
            return "io";
        case Code::non_finite:
            return "non-finite";
        case Code::corrupt:
            return "corrupt";
        case Code::memory:
            return "memory";
        case Code::busy:
            return "busy";
        case Code::preempted:
            return "preempted";
    }
    return "internal";
}

std::string render(const Problem& problem) {
    std::string text = "error[";
    text += name_of(problem.code);
    text += "]: ";
    text += problem.what;
    if (!problem.where.empty()) {
        text += "\n  --> " + problem.where;
    }
    if (!problem.help.empty()) {
        text += "\n  help: " + problem.help;
    }
    return text;
}

namespace {
std::string render_all(const std::vector<Problem>& problems) {
    std::string text;
    for (const Problem& problem : problems) {
        if (!text.empty()) {
            text += '\n';
        }
        text += render(problem);
    }
    return text;
}
}  // namespace

Error::Error(Code code, std::string what, std::string where, std::string help)
    : Error(
          std::vector<Problem>{Problem{code, std::move(what), std::move(where), std::move(help)}}) {
}

Error::Error(std::vector<Problem> problems)
    : std::runtime_error(render_all(problems)), problems_(std::move(problems)) {}

}  // namespace samara::host
