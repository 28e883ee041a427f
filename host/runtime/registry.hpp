// Finds, checks, loads and remembers plugin libraries (docs/sdk.md, section 5).  Loaded libraries
// stay for the life of the process.  [any-thread]
#pragma once
#include <samara/samara.h>

#include <memory>
#include <string>
#include <vector>

namespace samara::host {

/// A loaded library.
struct Library {
    std::string path;    ///< absolute
    std::string sha256;  ///< of the file, hex
    std::string origin;  ///< "config", "--plugin-dir", "SAMARA_PLUGIN_PATH", "user", "system",
                         ///< "built-in folder"
    const samara_entry* entry = nullptr;
};

/// A plugin of a loaded library.
struct Plugin {
    const samara_plugin* descriptor = nullptr;
    const Library* library = nullptr;
    [[nodiscard]] std::string id() const { return descriptor->id; }
    [[nodiscard]] std::string kind() const { return descriptor->kind; }
};

/// Where to look, earlier wins: files of the config, --plugin-dir, SAMARA_PLUGIN_PATH, the user's
/// folder (XDG_DATA_HOME/samara/plugins), the system's folder, the folder beside the executable
/// (../lib/samara).
struct SearchPath {
    std::vector<std::string> files;                            ///< [plugins] load, absolute
    std::vector<std::pair<std::string, std::string>> folders;  ///< (folder, origin), in order
    bool allow_insecure = false;                               ///< --allow-insecure-plugin-dir
};

class Registry {
public:
    /// Loads every library that the path names.  A broken file in a folder is a notice, a broken
    /// file that was named is an error.  The same id twice at one level is an error; at two levels
    /// the earlier wins, with a notice.
    explicit Registry(const SearchPath& path);
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    /// Adds one named library at the level "config".  Throws Error(Code::plugin).
    void load(const std::string& file);
    /// Null when there is none.
    [[nodiscard]] const Plugin* find(const std::string& id) const;
    /// Sorted by id, so nothing depends on the order of loading.
    [[nodiscard]] std::vector<const Plugin*> list() const;
    [[nodiscard]] const std::vector<std::string>& notices() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace samara::host
