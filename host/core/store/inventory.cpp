// Listing, checking and removing caches; see inventory.hpp.
#include "core/store/inventory.hpp"

#include "core/store/files.hpp"
#include "core/store/reference_store.hpp"
#include "core/store/store.hpp"
#include "core/store/use.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sys/stat.h>

namespace samara::host {
namespace fs = std::filesystem;
namespace {

constexpr size_t kKeyDigits = 64;

int64_t time_of(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mtime : 0;
}

/// Paths in a folder, sorted; none if it is absent.
std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(folder, absent)) {
        out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
}

void add_file(CacheItem& item, const fs::path& file) {
    std::error_code gone;
    const uint64_t bytes = fs::file_size(file, gone);
    item.files.push_back(file.string());
    item.bytes += gone ? 0 : bytes;
    item.last_use = std::max(item.last_use, time_of(file.string()));
}

bool is_set_aside(const fs::path& file) {
    return file.extension().string().starts_with(".bad");
}

void add_groups(const fs::path& folder, std::vector<CacheItem>& to) {
    std::map<std::string, std::vector<fs::path>> data;
    const std::vector<fs::path> files = entries_of(folder);
    for (const fs::path& file : files) {
        if (file.extension() == ".h5") {
            data[file.filename().string().substr(0, kKeyDigits)].push_back(file);
        }
    }
    for (const fs::path& file : files) {
        if (file.extension() == ".json" && file.stem().string().size() == kKeyDigits) {
            CacheItem item{CacheItem::Kind::groups, {}, (folder / file.stem()).string()};
            add_file(item, file);
            for (const fs::path& part : data[file.stem().string()]) {
                add_file(item, part);
            }
            to.push_back(item);
        }
    }
}

void add_references(const fs::path& folder, std::vector<CacheItem>& to) {
    for (const fs::path& key : entries_of(folder)) {
        for (const fs::path& file : entries_of(key)) {
            if (file.extension() == ".h5") {
                CacheItem item{CacheItem::Kind::reference, {}, key.string()};
                add_file(item, file);
                to.push_back(item);
            }
        }
    }
}

void add_set_aside(const fs::path& folder, std::vector<CacheItem>& to) {
    for (const fs::path& file : entries_of(folder)) {
        if (is_set_aside(file)) {
            CacheItem item{CacheItem::Kind::set_aside, {}, ""};
            add_file(item, file);
            to.push_back(item);
        }
    }
}

/// What speaks against an item, or nothing.
std::string reason(const CacheItem& item, const PruneRules& rules, int64_t now, uint64_t left) {
    if (rules.damaged && item.kind == CacheItem::Kind::set_aside) {
        return "set aside as damaged";
    }
    if (rules.unused_seconds && now - item.last_use > *rules.unused_seconds) {
        return "not used for " + std::to_string((now - item.last_use) / 86400) + " days";
    }
    if (rules.most_bytes && left > *rules.most_bytes) {
        return "least recently used";
    }
    if (rules.damaged) {
        const auto problem = verify(item);
        return problem ? problem->what : "";
    }
    return "";
}

/// Takes an item out of the folder; its lock file goes with the last that it guards.
void remove(const CacheItem& item) {
    for (const std::string& file : item.files) {
        std::error_code failed;
        fs::remove(file, failed);
        if (failed) {
            throw_io("cannot remove", file, failed.value());
        }
    }
    std::error_code kept;  // a folder that still holds shards stays
    if (item.kind == CacheItem::Kind::reference && !fs::remove(item.use, kept)) {
        return;
    }
    if (!item.use.empty()) {
        fs::remove(lock_of(item.use), kept);
    }
}

/// Removes what nobody uses; false: somebody does.  Asking must leave nothing behind, so no lock
/// file is made for a dry run.
bool remove_unused(const CacheItem& item, bool dry_run) {
    const bool guarded = !item.use.empty() && (!dry_run || fs::exists(lock_of(item.use)));
    const auto alone = guarded ? CacheUse::alone(item.use) : std::nullopt;
    if (guarded && !alone) {
        return false;
    }
    if (!dry_run) {
        remove(item);
    }
    return true;
}

}  // namespace

std::vector<CacheItem> inventory(const std::string& cache_folder) {
    std::vector<CacheItem> out;
    const fs::path groups = fs::path(cache_folder) / "groups",
                   references = fs::path(cache_folder) / "reference";
    add_groups(groups, out);
    add_references(references, out);
    add_set_aside(groups, out);
    for (const fs::path& key : entries_of(references)) {
        add_set_aside(key, out);
    }
    for (CacheItem& item : out) {
        if (!item.use.empty()) {
            item.last_use = std::max(item.last_use, time_of(lock_of(item.use)));
        }
    }
    std::stable_sort(out.begin(), out.end(), [](const CacheItem& a, const CacheItem& b) {
        return a.last_use < b.last_use;
    });
    return out;
}

std::optional<Problem> verify(const CacheItem& item) {
    try {
        if (item.kind == CacheItem::Kind::groups) {
            const fs::path manifest = item.files.front();
            GroupStore(manifest.parent_path().string()).verify(manifest.stem().string());
        } else if (item.kind == CacheItem::Kind::reference) {
            verify_reference(item.files.front());
        }
    } catch (const Error& error) {
        return error.problems().front();
    }
    return std::nullopt;
}

std::vector<Pruned> prune(const std::string& cache_folder,
                          const PruneRules& rules,
                          int64_t now,
                          bool dry_run) {
    std::vector<Pruned> out;
    const std::vector<CacheItem> items = inventory(cache_folder);
    uint64_t left = 0;
    for (const CacheItem& item : items) {
        left += item.bytes;
    }
    for (const CacheItem& item : items) {
        const std::string why = reason(item, rules, now, left);
        if (!why.empty()) {
            const bool removed = remove_unused(item, dry_run);
            out.push_back({item, why, !removed});
            left -= removed ? item.bytes : 0;
        }
    }
    return out;
}

}  // namespace samara::host
