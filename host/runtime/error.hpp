// The one error type of the host.  Every room throws it for what a user did (config, data, plugin,
// disk); our own bugs are assertions.  Only cli/ catches it for good, prints it and turns its code
// into the exit status.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace samara::host {

/// What went wrong; the value is the exit status of the command (docs/reliability.md, section 4).
enum class Code {
    internal = 1,      ///< a bug of ours
    config = 2,        ///< usage or configuration
    data = 3,          ///< input data
    plugin = 4,        ///< a plugin cannot be loaded, or must not be
    plugin_fault = 5,  ///< a plugin broke its contract while running
    io = 6,            ///< disk, permissions
    non_finite = 7,    ///< loss, gradient or parameter
    corrupt = 8,       ///< checkpoint, cache or model file is damaged or does not fit
    memory = 9,
    busy = 10,       ///< another process holds the folder
    preempted = 75,  ///< stopped by a signal; the state is saved, run again with --resume
};

/// The word in `error[word]: ...`.
const char* name_of(Code code);

/// One finding.  `where` is `file:line:column`, a file, or a plugin; `help` says what to do next.
/// Both may be empty.
struct Problem {
    Code code = Code::internal;
    std::string what;
    std::string where;
    std::string help;
};

/// error[config]: unknown key 'betta' / --> file:14:12 / help: did you mean 'beta'?
std::string render(const Problem& problem);

class Error : public std::runtime_error {
public:
    Error(Code code, std::string what, std::string where = "", std::string help = "");
    explicit Error(std::vector<Problem> problems);  ///< at least one; the first gives the code
    [[nodiscard]] Code code() const { return problems_.front().code; }
    [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }

private:
    std::vector<Problem> problems_;
};

}  // namespace samara::host
