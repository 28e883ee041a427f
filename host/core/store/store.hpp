// The cache of groups: HDF5 files that are found by content, verified before use and published
// atomically. A cache is KEY.json, the manifest, whose rename is the act of publishing, and one or
// more KEY.HASH.h5, which the manifest names by their content, so that no two writers can mix; each
// holds some 16 MiB of groups, so neither writing nor reading one by one needs memory for all.
// Trusted output of this tool, not an exchange format.
#pragma once
#include "core/store/files.hpp"
#include "core/store/use.hpp"
#include "runtime/error.hpp"
#include "runtime/records.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace samara::host {

inline constexpr const char* kStoreName = "samara.groups";
inline constexpr int64_t kStoreSchema = 2;  ///< a part of every cache key

/// One thing that a cache depends on.  Values of the form "a=1;b=2" are compared piece by piece in
/// explain().
struct KeyPart {
    std::string name;  ///< "data", "synthesizer 0 samara.pairs", "tokenizer", ...
    std::string value;
    bool operator==(const KeyPart&) const = default;
};

/// Everything that the content of a cache depends on, in a fixed order; no paths, no times.
struct CacheKey {
    std::vector<KeyPart> parts;
    /// SHA-256 over schema version, names and values (each with its length), 64 hex digits.
    [[nodiscard]] std::string digest() const;
};

struct CachedGroups {
    std::vector<Group> groups;
    std::string summary;  ///< the JSON text given to write()
};

/// One line of `samara cache list`.
struct CacheEntry {
    std::string name;                 ///< the key's digest
    std::string path;                 ///< of the manifest
    std::vector<std::string> sha256;  ///< of the data files, in order
    uint64_t bytes = 0;               ///< of all
    int64_t groups = 0, candidates = 0, relations = 0;
    CacheKey key;
    std::string summary;
    std::string problem;  ///< why the manifest is not readable; then only name and path are set
};

enum class OnCorrupt {
    set_aside,  ///< rename to NAME.bad, warn, answer "not cached"
    fail,       ///< throw Error(Code::corrupt), change nothing
};

/// Process-global HDF5 settings: no filter plugins, no printing.  Called once, by cli/ alone.
void init_hdf5();

/// Any number of processes may use one folder.  A cache that was read or written is in use
/// (use.hpp) as long as this object lives.  [one thread at a time]
class GroupStore {
public:
    using Warn = std::function<void(const std::string&)>;

    /// The folder is made when something is written.  `warn` receives one-line messages.
    explicit GroupStore(std::string cache_dir, Warn warn = {}, FileLayer& files = system_files());

    /// The cached groups, verified (manifest, whole-file hashes, schema), or nothing.
    [[nodiscard]] std::optional<CachedGroups> read(const CacheKey& key,
                                                   OnCorrupt on_corrupt = OnCorrupt::set_aside);

    /// The summary of a cache whose files match their hashes, or nothing; reads no groups.
    [[nodiscard]] std::optional<std::string> find(const CacheKey& key,
                                                  OnCorrupt on_corrupt = OnCorrupt::set_aside);

    /// Calls visit(group) for every group of a cache, in order, one file in memory at a time.
    /// Throws Error(Code::corrupt), also when there is no such cache.
    void each(const CacheKey& key, const std::function<void(Group&&)>& visit);

    /// A cache in the making.  What was not published goes with the object.
    class Writer {
    public:
        ~Writer();
        Writer(Writer&&) noexcept;
        void add(const Group& group);
        /// Replaces a cache of the same key.  `summary` is JSON text that is kept with it.  Throws
        /// Error(Code::io) and leaves what was there.
        void publish(const std::string& summary);

    private:
        friend class GroupStore;
        struct State;
        explicit Writer(std::unique_ptr<State> state);
        std::unique_ptr<State> state_;
    };
    /// The store must outlive the writer.
    [[nodiscard]] Writer writer(const CacheKey& key);

    /// Groups that are in memory, published.
    void write(const CacheKey& key, const std::vector<Group>& groups, const std::string& summary);

    /// For people: which parts differ from the nearest caches, or that there is one.
    [[nodiscard]] std::vector<std::string> explain(const CacheKey& key) const;

    [[nodiscard]] std::vector<CacheEntry> list() const;  ///< by name

    /// Checks one cache of list() completely.  Throws Error(Code::corrupt).
    void verify(const std::string& name) const;

    /// Removes one cache of list().  Returns the bytes freed.
    uint64_t remove(const std::string& name);

private:
    [[nodiscard]] std::string manifest_path(const std::string& name) const;
    [[nodiscard]] std::string data_path(const std::string& name, const std::string& hash) const;
    [[nodiscard]] CacheEntry open(const std::string& name) const;
    void load(const CacheEntry& entry, const std::function<void(Group&&)>& visit) const;
    [[nodiscard]] bool lock_existing(const std::string& name);
    void judge(const std::string& name, const Error& error, OnCorrupt on_corrupt);
    void set_aside(const std::string& name, const std::string& why);
    void sweep_unreferenced() const;
    void warn(const std::string& text) const;
    void use(const std::string& name);

    std::string folder_;
    Warn warn_;
    FileLayer& files_;
    std::map<std::string, CacheUse> uses_;  ///< by name
};

}  // namespace samara::host
