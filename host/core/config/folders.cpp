// Where the user's cache and the models in it lie; see config.hpp.
#include "core/config/config.hpp"
#include "runtime/error.hpp"

#include <cstdlib>

namespace samara::host {
namespace {

// Empty when unset or empty, which the XDG specification treats alike.
std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace

std::string cache_folder() {
    if (const std::string own = environment("SAMARA_CACHE_DIR"); !own.empty()) {
        return own;
    }
    // The specification asks to ignore relative paths.
    if (const std::string xdg = environment("XDG_CACHE_HOME"); xdg.starts_with('/')) {
        return xdg + "/samara";
    }
    if (const std::string home = environment("HOME"); !home.empty()) {
        return home + "/.cache/samara";
    }
    throw Error(Code::config,
                "no cache folder: neither SAMARA_CACHE_DIR, XDG_CACHE_HOME nor HOME is set");
}

std::string model_folder(const std::string& path) {
    constexpr const char* kPrefix = "cache:";
    if (!path.starts_with(kPrefix)) {
        return path;
    }
    const std::string name = path.substr(std::string(kPrefix).size());
    if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) {
        throw Error(Code::config,
                    "'" + path + "' is not cache:NAME with a plain name",
                    "",
                    "for a folder anywhere else, write its path");
    }
    return cache_folder() + "/models/" + name;
}

}  // namespace samara::host
