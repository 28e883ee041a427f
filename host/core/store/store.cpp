// Finding, verifying and removing caches; see store.hpp.  Writing is store_write.cpp, what differs
// between keys explain.cpp.
#include "core/store/store.hpp"

#include "core/store/group_file.hpp"
#include "core/store/hash.hpp"
#include "core/store/manifest.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <sys/stat.h>

namespace samara::host {
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr const char* kRemedy = "remove it, or run again: it is then rebuilt";
constexpr auto kUnreferencedAge = std::chrono::hours(24);

bool is_name(const std::string& stem) {
    return stem.size() == 64 && stem.find_first_not_of("0123456789abcdef") == std::string::npos;
}

CacheEntry parse_manifest(const std::string& text,
                          const std::string& name,
                          const std::string& path) {
    const Json content = open_manifest(text, path);
    CacheEntry entry{name, path, {}, 0, 0, 0, 0, {}, "", ""};
    if (content.value("version", int64_t{0}) != kStoreSchema) {
        throw Error(Code::corrupt, "the cache is of another version", path, kRemedy);
    }
    try {
        for (const Json& part : content.at("key")) {
            entry.key.parts.push_back({part.at(0), part.at(1)});
        }
        for (const Json& file : content.at("files")) {
            entry.sha256.push_back(file.at("sha256"));
            entry.bytes += file.at("bytes").get<uint64_t>();
            if (!is_name(entry.sha256.back())) {
                throw Error(Code::corrupt, "the manifest holds no SHA-256", path, kRemedy);
            }
        }
        entry.groups = content.at("rows").at("groups");
        entry.candidates = content.at("rows").at("candidates");
        entry.relations = content.at("rows").at("relations");
        entry.summary = content.at("summary");
    } catch (const Json::exception&) {
        throw Error(Code::corrupt, "the manifest has another form", path, kRemedy);
    }
    return entry;
}

// The data file of a sound or damaged manifest: all that match the name, since the manifest may be
// unreadable.
std::vector<std::string> data_files(const std::string& folder, const std::string& name) {
    std::vector<std::string> out;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const std::string file = entry.path().filename().string();
        if (file.starts_with(name + ".") && file.ends_with(".h5")) {
            out.push_back(entry.path().string());
        }
    }
    return out;
}

}  // namespace

std::string CacheKey::digest() const {
    // Lengths make the text unambiguous: ("ab", "c") and ("a", "bc") differ.
    std::string text = std::string(kStoreName) + "/" + std::to_string(kStoreSchema) + "\n";
    for (const KeyPart& part : parts) {
        text += std::to_string(part.name.size()) + ":" + part.name + "=" +
                std::to_string(part.value.size()) + ":" + part.value + "\n";
    }
    return sha256(text);
}

GroupStore::GroupStore(std::string cache_dir, Warn warn, FileLayer& files)
    : folder_(std::move(cache_dir)), warn_(std::move(warn)), files_(files) {}

void GroupStore::warn(const std::string& text) const {
    if (warn_) {
        warn_(text);
    }
}

void GroupStore::use(const std::string& name) {
    if (!uses_.contains(name)) {
        uses_.emplace(name, CacheUse(folder_ + "/" + name));
    }
}

std::string GroupStore::data_path(const std::string& name, const std::string& hash) const {
    return folder_ + "/" + name + "." + hash.substr(0, 16) + ".h5";
}

std::string GroupStore::manifest_path(const std::string& name) const {
    return folder_ + "/" + name + ".json";
}

CacheEntry GroupStore::open(const std::string& name) const {
    const std::string path = manifest_path(name);
    CacheEntry entry = parse_manifest(read_file(path), name, path);
    if (entry.key.digest() != name) {
        throw Error(Code::corrupt, "the manifest belongs to another cache", path, kRemedy);
    }
    for (const std::string& hash : entry.sha256) {
        if (!fs::exists(data_path(name, hash))) {
            throw Error(
                Code::corrupt, "the cache's data file is missing", data_path(name, hash), kRemedy);
        }
    }
    return entry;
}

void GroupStore::load(const CacheEntry& entry, const std::function<void(Group&&)>& visit) const {
    uint64_t bytes_read = 0;
    int64_t groups = 0;
    for (const std::string& hash : entry.sha256) {
        // What is parsed below are the very bytes that were hashed here.
        const std::string data = data_path(entry.name, hash);
        const std::string bytes = read_file(data);
        if (sha256(bytes) != hash) {
            throw Error(
                Code::corrupt, "corrupt cache: it does not match its SHA-256", data, kRemedy);
        }
        bytes_read += bytes.size();
        for (Group& group : read_group_file(bytes, data)) {
            ++groups;
            visit(std::move(group));
        }
    }
    if (groups != entry.groups || bytes_read != entry.bytes) {
        throw Error(Code::corrupt,
                    "the cache's counts differ from its manifest",
                    manifest_path(entry.name),
                    kRemedy);
    }
}

// Whether there is a cache, which is then in use.
bool GroupStore::lock_existing(const std::string& name) {
    if (!fs::exists(manifest_path(name))) {
        return false;
    }
    use(name);
    return fs::exists(manifest_path(name));  // it may have gone while this waited for the lock
}

// Takes a damaged cache out of the way, or throws.
void GroupStore::judge(const std::string& name, const Error& error, OnCorrupt on_corrupt) {
    if (error.code() != Code::corrupt || on_corrupt == OnCorrupt::fail) {
        throw Error(error);
    }
    set_aside(name, error.problems().front().what);
}

std::optional<CachedGroups> GroupStore::read(const CacheKey& key, OnCorrupt on_corrupt) {
    const std::string name = key.digest();
    if (!lock_existing(name)) {
        return std::nullopt;
    }
    try {
        const CacheEntry entry = open(name);
        CachedGroups out{{}, entry.summary};
        out.groups.reserve(static_cast<size_t>(entry.groups));
        load(entry, [&](Group&& group) { out.groups.push_back(std::move(group)); });
        return out;
    } catch (const Error& error) {
        judge(name, error, on_corrupt);
        return std::nullopt;
    }
}

std::optional<std::string> GroupStore::find(const CacheKey& key, OnCorrupt on_corrupt) {
    const std::string name = key.digest();
    if (!lock_existing(name)) {
        return std::nullopt;
    }
    try {
        const CacheEntry entry = open(name);
        for (const std::string& hash : entry.sha256) {
            if (sha256_file(data_path(name, hash)) != hash) {
                throw Error(Code::corrupt,
                            "corrupt cache: it does not match its SHA-256",
                            data_path(name, hash),
                            kRemedy);
            }
        }
        return entry.summary;
    } catch (const Error& error) {
        judge(name, error, on_corrupt);
        return std::nullopt;
    }
}

void GroupStore::each(const CacheKey& key, const std::function<void(Group&&)>& visit) {
    const std::string name = key.digest();
    if (!lock_existing(name)) {
        throw Error(Code::corrupt, "the cache is gone", manifest_path(name), "run again");
    }
    load(open(name), visit);
}

void GroupStore::set_aside(const std::string& name, const std::string& why) {
    try {
        load(open(name), [](Group&&) {});  // another process may have rebuilt it meanwhile
        return;
    } catch (const Error&) {
        std::vector<std::string> damaged{manifest_path(name)};
        const std::vector<std::string> data = data_files(folder_, name);
        damaged.insert(damaged.end(), data.begin(), data.end());
        std::string kept;
        for (const std::string& path : damaged) {
            std::string bad = path + ".bad";
            for (int n = 1; fs::exists(bad); ++n) {
                bad = path + ".bad" + std::to_string(n);
            }
            if (files_.rename(path.c_str(), bad.c_str()) == 0) {
                kept = bad;
            }
        }
        warn(why + " (" + manifest_path(name) + "); " +
             (kept.empty() ? "it cannot be renamed" : "kept as " + kept) + "; it is rebuilt");
    }
}

// Data files that no manifest names: left by a kill between the two renames, or replaced.  A day of
// grace, because a living writer is in that state too.
void GroupStore::sweep_unreferenced() const {
    std::error_code failed;
    const auto now = fs::file_time_type::clock::now();
    for (const auto& entry : fs::directory_iterator(folder_, failed)) {
        const std::string file = entry.path().filename().string();
        const std::string name = file.substr(0, file.find('.'));
        if (!file.ends_with(".h5") || !is_name(name)) {
            continue;
        }
        const auto written = entry.last_write_time(failed);
        if (failed || now - written < kUnreferencedAge) {
            continue;
        }
        const std::string manifest = manifest_path(name);
        if (!fs::exists(manifest) || read_file(manifest).find(file) == std::string::npos) {
            fs::remove(entry.path(), failed);
        }
    }
}

std::vector<CacheEntry> GroupStore::list() const {
    std::vector<CacheEntry> out;
    std::error_code failed;
    for (const auto& file : fs::directory_iterator(folder_, failed)) {
        const std::string path = file.path().string();
        const std::string name = file.path().stem().string();
        if (file.path().extension() != ".json" || !is_name(name)) {
            continue;
        }
        try {
            out.push_back(parse_manifest(read_file(path), name, path));
        } catch (const Error& error) {
            out.push_back({name, path, {}, 0, 0, 0, 0, {}, "", error.problems().front().what});
        }
    }
    std::sort(out.begin(), out.end(), [](const CacheEntry& a, const CacheEntry& b) {
        return a.name < b.name;
    });
    return out;
}

void GroupStore::verify(const std::string& name) const {
    if (!is_name(name) || !fs::exists(manifest_path(name))) {
        throw Error(Code::config, "no cache '" + name + "'", folder_, "see `samara cache list`");
    }
    load(open(name), [](Group&&) {});
}

uint64_t GroupStore::remove(const std::string& name) {
    uint64_t freed = 0;
    if (!is_name(name)) {
        return freed;
    }
    std::vector<std::string> paths{
        manifest_path(name)};  // first: a manifest never outlives its data
    const std::vector<std::string> data = data_files(folder_, name);
    paths.insert(paths.end(), data.begin(), data.end());
    for (const std::string& path : paths) {
        std::error_code failed;
        const uint64_t bytes = fs::file_size(path, failed);
        if (!failed && fs::remove(path, failed)) {
            freed += bytes;
        }
    }
    return freed;
}

}  // namespace samara::host
