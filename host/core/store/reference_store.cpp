// Reference log-probabilities on disk; see reference_store.hpp.
#include "core/store/reference_store.hpp"

#include "core/store/files.hpp"
#include "core/store/hash.hpp"
#include "core/store/hdf5_io.hpp"
#include "core/store/manifest.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <filesystem>

namespace samara::host {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSchema = "samara.reference";
constexpr int64_t kVersion = 4;
constexpr size_t kHashDigits = 64;

/// A shard as its datasets: the groups' values one after the other.
struct Shard {
    std::vector<uint8_t> groups;              ///< [64 G] their hashes
    std::vector<int64_t> candidates, tokens;  ///< [G]
    std::vector<double> seconds;              ///< [G]
    std::vector<double> logp, tok_logp, prompt_logp;
};

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

Shard shard_of(const LogpsOfGroups& values) {
    Shard shard;
    const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    for (const auto& [hash, group] : values) {
        shard.groups.insert(shard.groups.end(), hash.begin(), hash.end());
        shard.candidates.push_back(static_cast<int64_t>(group.logp.size()));
        shard.tokens.push_back(static_cast<int64_t>(group.tok_logp.size()));
        shard.seconds.push_back(group.seconds);
        append(shard.logp, group.logp);
        append(shard.tok_logp, group.tok_logp);
        append(shard.prompt_logp, group.prompt_logp);
    }
    return shard;
}

Shard read_shard(const std::string& where, const std::string& key) {
    const std::string bytes = read_file(where);
    const std::string_view image = open_image(bytes, key, where);
    const std::lock_guard lock(hdf5_mutex());
    require_hdf5();
    const QuietHdf5 quiet;
    ImageReader file(image, where);
    file.expect(kSchema,
                kVersion,
                {"reference/groups",
                 "reference/candidates",
                 "reference/tokens",
                 "reference/seconds",
                 "reference/logp",
                 "reference/tok_logp",
                 "reference/prompt_logp"});
    Shard shard;
    file.get("reference/groups", shard.groups);
    file.get("reference/candidates", shard.candidates);
    file.get("reference/tokens", shard.tokens);
    file.get("reference/seconds", shard.seconds);
    file.get("reference/logp", shard.logp);
    file.get("reference/tok_logp", shard.tok_logp);
    file.get("reference/prompt_logp", shard.prompt_logp);
    return shard;
}

/// Adds a verified shard's groups; what its hash vouches for need not be checked again.
void add(const Shard& shard, LogpsOfGroups& to) {
    int64_t n = 0, t = 0;
    const auto slice = [](const std::vector<double>& from, int64_t begin, int64_t size) {
        return std::vector<double>(from.begin() + begin, from.begin() + begin + size);
    };
    for (size_t g = 0; g < shard.candidates.size(); ++g) {
        const auto hash = shard.groups.begin() + static_cast<int64_t>(g * kHashDigits);
        const int64_t candidates = shard.candidates[g], tokens = shard.tokens[g];
        GroupLogps group{slice(shard.logp, n, candidates),
                         slice(shard.tok_logp, t, tokens),
                         {},
                         shard.seconds[g]};
        if (!shard.prompt_logp.empty()) {
            group.prompt_logp = slice(shard.prompt_logp, n, candidates);
        }
        to.emplace(std::string(hash, hash + kHashDigits), std::move(group));
        n += candidates;
        t += tokens;
    }
}

}  // namespace

ReferenceStore::ReferenceStore(const std::string& folder, const CacheKey& key, Warn warn)
    : folder_(folder + "/" + key.digest()), key_(key.digest()), warn_(std::move(warn)) {}

LogpsOfGroups ReferenceStore::read() {
    LogpsOfGroups out;
    if (!use_ && fs::exists(folder_)) {
        use_.emplace(folder_);
    }
    std::vector<std::string> files;
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(folder_, absent)) {
        if (entry.path().extension() == ".h5") {
            files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());  // the folder's order is the file system's
    for (const std::string& file : files) {
        try {
            add(read_shard(file, key_), out);
        } catch (const Error& error) {
            if (error.code() != Code::corrupt) {
                throw;
            }
            const std::string bad = file + ".bad";
            std::error_code failed;
            fs::rename(file, bad, failed);
            if (warn_) {
                warn_(error.problems().front().what + "; " +
                      (failed ? "it cannot be renamed" : "kept as " + bad) +
                      "; its groups are computed again");
            }
        }
    }
    return out;
}

void ReferenceStore::write(const LogpsOfGroups& values) {
    std::error_code failed;
    fs::create_directories(fs::path(folder_).parent_path(), failed);
    if (!failed && !use_) {
        use_.emplace(folder_);
    }
    fs::create_directories(folder_, failed);
    if (failed) {
        throw_io("cannot create the cache folder", folder_, failed.value());
    }
    sweep_orphans(folder_);
    const Shard shard = shard_of(values);
    std::string image;
    {
        const std::lock_guard lock(hdf5_mutex());
        const QuietHdf5 quiet;
        ImageWriter file(kSchema, kVersion);
        file.group("reference");
        file.put("reference/groups", shard.groups);
        file.put("reference/candidates", shard.candidates);
        file.put("reference/tokens", shard.tokens);
        file.put("reference/seconds", shard.seconds);
        file.put("reference/logp", shard.logp);
        file.put("reference/tok_logp", shard.tok_logp);
        file.put("reference/prompt_logp", shard.prompt_logp);
        image = file.image();
    }
    atomic_write(folder_ + "/" + sha256(bytes_of(shard.groups)) + ".h5",
                 seal_image(std::move(image), key_));
}

void verify_reference(const std::string& file) {
    (void)read_shard(file, fs::path(file).parent_path().filename().string());
}

}  // namespace samara::host
