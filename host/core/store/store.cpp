// Publishing and verifying caches; see store.hpp.  What differs between keys is explain.cpp.
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

constexpr const char* kSchemaName = "samara.groups";
constexpr const char* kRemedy = "remove it, or run again: it is then rebuilt";
constexpr auto kUnreferencedAge = std::chrono::hours(24);

Json to_json(const CacheKey& key) {
    Json parts = Json::array();
    for (const KeyPart& part : key.parts) {
        parts.push_back({part.name, part.value});
    }
    return parts;
}

bool is_name(const std::string& stem) {
    return stem.size() == 64 && stem.find_first_not_of("0123456789abcdef") == std::string::npos;
}

CacheEntry parse_manifest(const std::string& text,
                          const std::string& name,
                          const std::string& path) {
    const Json content = open_manifest(text, path);
    CacheEntry entry{name, path, "", 0, 0, 0, 0, {}, "", ""};
    try {
        for (const Json& part : content.at("key")) {
            entry.key.parts.push_back({part.at(0), part.at(1)});
        }
        entry.sha256 = content.at("sha256");
        entry.bytes = content.at("bytes");
        entry.groups = content.at("rows").at("groups");
        entry.candidates = content.at("rows").at("candidates");
        entry.relations = content.at("rows").at("relations");
        entry.summary = content.at("summary");
        if (!is_name(entry.sha256)) {
            throw Error(Code::corrupt, "the manifest holds no SHA-256", path, kRemedy);
        }
    } catch (const Json::exception&) {
        throw Error(Code::corrupt, "the manifest has another form", path, kRemedy);
    }
    return entry;
}

std::string data_path(const std::string& folder, const std::string& name, const std::string& hash) {
    return folder + "/" + name + "." + hash.substr(0, 16) + ".h5";
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
    std::string text = std::string(kSchemaName) + "/" + std::to_string(kGroupSchema) + "\n";
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

std::string GroupStore::manifest_path(const std::string& name) const {
    return folder_ + "/" + name + ".json";
}

CachedGroups GroupStore::load(const std::string& name) const {
    const std::string path = manifest_path(name);
    const std::string text = read_file(path);
    const CacheEntry entry = parse_manifest(text, name, path);
    if (entry.key.digest() != name) {
        throw Error(Code::corrupt, "the manifest belongs to another cache", path, kRemedy);
    }
    const std::string data = data_path(folder_, name, entry.sha256);
    if (!fs::exists(data)) {
        throw Error(Code::corrupt, "the cache's data file is missing", data, kRemedy);
    }
    // What is parsed below are the very bytes that were hashed here.
    const std::string bytes = read_file(data);
    if (bytes.size() != entry.bytes || sha256(bytes) != entry.sha256) {
        throw Error(Code::corrupt, "corrupt cache: it does not match its SHA-256", data, kRemedy);
    }
    CachedGroups out{read_group_file(bytes, data), entry.summary};
    if (static_cast<int64_t>(out.groups.size()) != entry.groups) {
        throw Error(
            Code::corrupt, "the cache's row counts differ from its manifest", data, kRemedy);
    }
    return out;
}

std::optional<CachedGroups> GroupStore::read(const CacheKey& key, OnCorrupt on_corrupt) {
    const std::string name = key.digest();
    if (!fs::exists(manifest_path(name))) {
        return std::nullopt;
    }
    use(name);
    if (!fs::exists(manifest_path(name))) {  // removed while this waited for the lock
        return std::nullopt;
    }
    try {
        return load(name);
    } catch (const Error& error) {
        if (error.code() != Code::corrupt || on_corrupt == OnCorrupt::fail) {
            throw;
        }
        set_aside(name, error.problems().front().what);
        return std::nullopt;
    }
}

void GroupStore::set_aside(const std::string& name, const std::string& why) {
    try {
        (void)load(name);  // another process may have rebuilt it meanwhile
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

void GroupStore::write(const CacheKey& key,
                       const std::vector<Group>& groups,
                       const std::string& summary) {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) {
        throw_io("cannot create the cache folder", folder_, failed.value());
    }
    sweep_orphans(folder_);
    sweep_unreferenced();
    const std::string bytes = write_group_file(groups);
    const std::string hash = sha256(bytes);
    const std::string name = key.digest();
    use(name);
    int64_t candidates = 0, relations = 0;
    for (const Group& group : groups) {
        candidates += static_cast<int64_t>(group.candidates.size());
        relations += static_cast<int64_t>(group.relations.size());
    }
    const Json manifest = {
        {"schema", kSchemaName},
        {"version", kGroupSchema},
        {"file", fs::path(data_path(folder_, name, hash)).filename().string()},
        {"sha256", hash},
        {"bytes", bytes.size()},
        {"rows", {{"groups", groups.size()}, {"candidates", candidates}, {"relations", relations}}},
        {"key", to_json(key)},
        {"summary", summary}};
    // Data first: a manifest never names a file that is not on disk.
    atomic_write(data_path(folder_, name, hash), bytes, files_);
    atomic_write(manifest_path(name), seal_manifest(manifest), files_);
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
            out.push_back({name, path, "", 0, 0, 0, 0, {}, "", error.problems().front().what});
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
    (void)load(name);
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
