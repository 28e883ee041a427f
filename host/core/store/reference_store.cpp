// Reference log-probabilities on disk; see reference_store.hpp.
#include "core/store/reference_store.hpp"

#include "core/store/files.hpp"
#include "core/store/hash.hpp"
#include "core/store/hdf5_io.hpp"
#include "runtime/error.hpp"

#include <filesystem>

namespace samara::host {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSchema = "samara.reference";
constexpr int64_t kVersion = 2;

std::string_view bytes_of(const std::vector<double>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)};
}

// Over what matters: the key, so that a file under a wrong name is refused, and all values.
std::vector<uint8_t> checksum(const std::string& key, const ReferenceLogps& values) {
    Sha256 hash;
    hash.update(key);
    hash.update(bytes_of(values.logp));
    hash.update(bytes_of(values.tok_logp));
    hash.update(bytes_of(values.prompt_logp));
    const std::string hex = hash.hex();
    return {hex.begin(), hex.end()};
}

ReferenceLogps parse(std::string_view bytes,
                     const std::string& where,
                     const std::string& key,
                     size_t n,
                     size_t t,
                     size_t p) {
    const std::lock_guard lock(hdf5_mutex());
    require_hdf5();
    const QuietHdf5 quiet;
    ImageReader file(bytes, where);
    file.expect(kSchema,
                kVersion,
                {"reference/logp",
                 "reference/tok_logp",
                 "reference/prompt_logp",
                 "reference/seconds",
                 "reference/sha256"});
    ReferenceLogps out;
    std::vector<double> seconds;
    std::vector<uint8_t> sum;
    file.get("reference/logp", out.logp);
    file.get("reference/tok_logp", out.tok_logp);
    file.get("reference/prompt_logp", out.prompt_logp);
    file.get("reference/seconds", seconds);
    file.get("reference/sha256", sum);
    if (out.logp.size() != n || out.tok_logp.size() != t || out.prompt_logp.size() != p ||
        seconds.size() != 1) {
        file.corrupt("the reference cache holds another number of values than the data");
    }
    if (sum != checksum(key, out)) {
        file.corrupt("the reference cache does not match its SHA-256");
    }
    out.seconds = seconds[0];
    return out;
}

}  // namespace

ReferenceStore::ReferenceStore(std::string folder, Warn warn)
    : folder_(std::move(folder)), warn_(std::move(warn)) {}

std::string ReferenceStore::path(const CacheKey& key) const {
    return folder_ + "/" + key.digest() + ".h5";
}

std::optional<ReferenceLogps> ReferenceStore::read(const CacheKey& key,
                                                   size_t n,
                                                   size_t t,
                                                   size_t p) {
    const std::string file = path(key);
    if (!fs::exists(file)) {
        return std::nullopt;
    }
    try {
        return parse(read_file(file), file, key.digest(), n, t, p);
    } catch (const Error& error) {
        if (error.code() != Code::corrupt) {
            throw;
        }
        const std::string bad = file + ".bad";
        std::error_code failed;
        fs::rename(file, bad, failed);
        if (warn_) {
            warn_(error.problems().front().what + "; " +
                  (failed ? "it cannot be renamed" : "kept as " + bad) + "; it is computed again");
        }
        return std::nullopt;
    }
}

void ReferenceStore::write(const CacheKey& key, const ReferenceLogps& values) {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) {
        throw_io("cannot create the cache folder", folder_, failed.value());
    }
    sweep_orphans(folder_);
    std::string image;
    {
        const std::lock_guard lock(hdf5_mutex());
        const QuietHdf5 quiet;
        ImageWriter file(kSchema, kVersion);
        file.group("reference");
        file.put("reference/logp", values.logp);
        file.put("reference/tok_logp", values.tok_logp);
        file.put("reference/prompt_logp", values.prompt_logp);
        file.put("reference/seconds", std::vector<double>{values.seconds});
        file.put("reference/sha256", checksum(key.digest(), values));
        image = file.image();
    }
    atomic_write(path(key), image);
}

}  // namespace samara::host
