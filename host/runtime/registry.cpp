// Loads libraries by Boost.DLL, for ever, and keeps the plugins of one search path apart by id. See
// registry.hpp.
#include "runtime/registry.hpp"

#include "runtime/error.hpp"
#include "runtime/instance.hpp"
#include "runtime/plugin_file.hpp"

#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <sys/stat.h>

namespace samara::host {
namespace {

/// Everything that was ever loaded in this process.  Leaked on purpose: unloading plugins crashes.
struct Loaded {
    Library library;
    boost::dll::shared_library handle;
};
using Key = std::pair<dev_t, ino_t>;
std::mutex& loading() {
    static auto* lock = new std::mutex;
    return *lock;
}
std::map<Key, std::unique_ptr<Loaded>>& all_loaded() {
    static auto* all = new std::map<Key, std::unique_ptr<Loaded>>;
    return *all;
}

std::vector<std::unique_ptr<Loaded>>& all_refused() {
    static auto* all = new std::vector<std::unique_ptr<Loaded>>;
    return *all;
}

[[noreturn]] void refuse(const std::string& path,
                         const std::string& what,
                         const std::string& help = "") {
    throw Error(Code::plugin, what, path, help);
}

std::unique_ptr<Loaded> open_library(const PluginFile& file) {
    auto loaded = std::make_unique<Loaded>();
    try {
        // Only the throwing overload carries dlerror's text; RTLD_LOCAL keeps helper names of
        // plugins apart.
        namespace dll = boost::dll;
        loaded->handle.load(file.path, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    } catch (const std::exception& error) {
        refuse(file.path,
               std::string("the dynamic loader refuses it: ") + error.what(),
               "see `ldd '" + file.path + "'`");
    }
    struct stat now {};
    if (::stat(file.path.c_str(), &now) != 0 || now.st_dev != file.device ||
        now.st_ino != file.inode) {
        refuse(file.path, "the file was replaced while it was loaded");
    }
    if (!loaded->handle.has("samara_plugin_entry")) {
        refuse(file.path, "it exports no samara_plugin_entry, so it is no Samara plugin");
    }
    const auto& entry = loaded->handle.get<const samara_entry>("samara_plugin_entry");
    check_handshake(file.path, entry.magic, entry.abi);
    if (!SAMARA_HAS(&entry, samara_entry, plugins) || entry.n_plugins < 1 ||
        entry.plugins == nullptr) {
        refuse(file.path, "its samara_plugin_entry lists no plugins");
    }
    loaded->library.path = file.path;
    loaded->library.entry = &entry;
    return loaded;
}

// Size of a kind's table in its first release: the least that a plugin may have.  0: an unknown
// kind.
uint64_t least_table_size(const std::string& kind) {
    // End of the last field of the first release; stays when a table grows.
    if (kind == "synthesizer/1") {
        return offsetof(samara_synthesizer, synthesize) + sizeof(void*);
    }
    if (kind == "objective/1") {
        return offsetof(samara_objective, weigh) + sizeof(void*);
    }
    if (kind == "optimizer/1") {
        return offsetof(samara_optimizer, step_arrays) + sizeof(void*);
    }
    if (kind == "instruction/1") {
        return offsetof(samara_instructions, phrase) + sizeof(void*);
    }
    if (kind == "reward/1") {
        return offsetof(samara_reward, reward) + sizeof(void*);
    }
    return 0;
}

/// Judges one descriptor; empty if it is good.
std::string fault_of(const samara_plugin* p) {
    if (p == nullptr || !SAMARA_HAS(p, samara_plugin, vtable)) {
        return "a descriptor is missing or its struct_size is too small";
    }
    if (p->id == nullptr ||
        std::strspn(p->id, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != std::strlen(p->id) ||
        std::strchr(p->id, '.') == nullptr) {
        return std::string("plugin id '") + (p->id == nullptr ? "" : p->id) +
               "' is not of the form vendor.name (a-z 0-9 _ -)";
    }
    const std::string who = std::string("plugin '") + p->id + "' ";
    for (const char* text : {p->kind, p->version, p->license, p->doc}) {
        if (text == nullptr) {
            return who + "lacks kind, version, license or doc";
        }
    }
    const uint64_t least = least_table_size(p->kind);
    if (least == 0) {
        return "";  // judged by the caller: a newer kind is no fault
    }
    const auto* head = static_cast<const Lifecycle*>(p->vtable);
    if (head == nullptr || head->struct_size < least) {
        return who + "has a table of " + std::to_string(head == nullptr ? 0 : head->struct_size) +
               " bytes, its kind has " + std::to_string(least);
    }
    if (head->create == nullptr || head->destroy == nullptr ||
        (head->save == nullptr) != (head->load == nullptr)) {
        return who + "lacks create or destroy, or has only one of save and load";
    }
    std::set<std::string> keys;
    for (int64_t i = 0; i < p->n_params; ++i) {
        if (p->params == nullptr || p->params[i].key == nullptr ||
            !keys.insert(p->params[i].key).second) {
            return who + "has a parameter without a key of its own";
        }
    }
    // Every parameter that may be left out must have a default of its own type and range.
    BoundParams bound;
    for (const ParamIssue& issue : bind_params(*p, {}, bound)) {
        if (issue.what.starts_with("the plugin's own default")) {
            return who + "parameter '" + issue.key + "': " + issue.what;
        }
    }
    return "";
}

/// The library at `path`, loaded now or before.
const Library& load_library(const std::string& path,
                            const std::string& origin,
                            bool allow_insecure,
                            std::vector<std::string>& notices) {
    const std::scoped_lock hold(loading());
    const PluginFile file = open_plugin_file(path, allow_insecure, notices);
    std::unique_ptr<Loaded>& known = all_loaded()[{file.device, file.inode}];
    const auto refused = [&] {  // nothing may stay behind for a file that was not loaded
        if (!known) {
            all_loaded().erase({file.device, file.inode});
        }
    };
    try {
        check_elf(file);
        const std::string hash = sha256_of(file);
        if (known && known->library.sha256 != hash) {
            refuse(file.path,
                   "it changed on disk after it was loaded",
                   "start again; build plugins to a new file");
        }
        if (!known) {
            std::unique_ptr<Loaded> fresh = open_library(file);
            fresh->library.sha256 = hash;
            fresh->library.origin = origin;
            for (int64_t i = 0; i < fresh->library.entry->n_plugins; ++i) {
                if (const std::string fault = fault_of(fresh->library.entry->plugins[i]);
                    !fault.empty()) {
                    all_refused().push_back(std::move(fresh));  // stays mapped, as every library
                    refuse(file.path, fault);
                }
            }
            known = std::move(fresh);
        }
    } catch (...) {
        refused();
        throw;
    }
    return known->library;
}

}  // namespace

struct Registry::State {
    struct Row {
        Plugin plugin;
        size_t level = 0;
    };
    std::map<std::string, Row> rows;
    std::vector<std::string> notices;
    bool allow_insecure = false;

    void add(const Library& library, size_t level) {
        for (int64_t i = 0; i < library.entry->n_plugins; ++i) {
            const samara_plugin* descriptor = library.entry->plugins[i];
            const std::string id = descriptor->id;
            if (least_table_size(descriptor->kind) == 0) {
                notices.push_back(library.path + ": plugin '" + id + "' has kind '" +
                                  descriptor->kind + "', which this host does not know");
                continue;
            }
            const auto [it, fresh] = rows.try_emplace(id, Row{{descriptor, &library}, level});
            const Plugin& other = it->second.plugin;
            if (fresh || other.descriptor == descriptor) {
                continue;
            }
            if (it->second.level == level) {
                throw Error(Code::plugin,
                            "plugin '" + id + "' comes from two files: " + other.library->path +
                                " and " + library.path,
                            library.path,
                            "remove one of them");
            }
            notices.push_back("plugin '" + id + "' of " + library.path + " is hidden by " +
                              other.library->path);
        }
    }
};

Registry::Registry(const SearchPath& path) : state_(std::make_unique<State>()) {
    state_->allow_insecure = path.allow_insecure;
    for (const std::string& file : path.files) {
        load(file);
    }
    size_t level = 0;
    for (const auto& [folder, origin] : path.folders) {
        ++level;
        std::vector<std::string> files;
        std::error_code ignored;  // a folder that is not there holds no plugins
        for (const auto& item : std::filesystem::directory_iterator(folder, ignored)) {
            if (item.path().extension() == ".so") {
                files.push_back(std::filesystem::absolute(item.path()).lexically_normal().string());
            }
        }
        std::sort(files.begin(), files.end());
        for (const std::string& file : files) {
            const Library* library = nullptr;
            try {
                library = &load_library(file, origin, path.allow_insecure, state_->notices);
            } catch (const Error& error) {
                state_->notices.push_back(error.problems().front().where + ": " +
                                          error.problems().front().what);
            }
            if (library != nullptr) {
                state_->add(*library, level);
            }
        }
    }
}

Registry::~Registry() = default;

void Registry::load(const std::string& file) {
    state_->add(load_library(file, "config", state_->allow_insecure, state_->notices), 0);
}

const Plugin* Registry::find(const std::string& id) const {
    const auto it = state_->rows.find(id);
    return it == state_->rows.end() ? nullptr : &it->second.plugin;
}

std::vector<const Plugin*> Registry::list() const {
    std::vector<const Plugin*> out;
    for (const auto& [id, row] : state_->rows) {
        out.push_back(&row.plugin);
    }
    return out;
}

const std::vector<std::string>& Registry::notices() const {
    return state_->notices;
}

}  // namespace samara::host
