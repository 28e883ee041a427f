// See rollout_store.hpp.
#include "core/store/rollout_store.hpp"

#include "core/store/files.hpp"
#include "core/store/hash.hpp"
#include "core/store/hdf5_io.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>

namespace samara::host {
namespace {

constexpr const char* kSchema = "samara.rollouts";
constexpr int64_t kVersion = 1;

/// The file's datasets.  Per candidate: tokens, reward.  Per token: the rest, the critic's only
/// with one.
struct Tables {
    std::vector<int64_t> tokens, ids;
    std::vector<double> reward, old_logp, ref_logp, advantage, old_value, returns;
};

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Every dataset with its name.
template <class Tables, class Visit>
void each(Tables& t, const Visit& visit) {
    visit("rollouts/tokens", t.tokens);
    visit("rollouts/ids", t.ids);
    visit("rollouts/reward", t.reward);
    visit("rollouts/old_logp", t.old_logp);
    visit("rollouts/ref_logp", t.ref_logp);
    visit("rollouts/advantage", t.advantage);
    visit("rollouts/old_value", t.old_value);
    visit("rollouts/returns", t.returns);
}

std::vector<uint8_t> checksum(const std::string& key, const Tables& tables) {
    Sha256 hash;
    hash.update(key);
    each(tables, [&](const char*, const auto& values) {
        hash.update(std::to_string(values.size()) + ":");
        hash.update(bytes_of(values));
    });
    const std::string hex = hash.hex();
    return {hex.begin(), hex.end()};
}

Tables tables_of(const std::vector<Group>& batch) {
    Tables t;
    const auto append = [](auto& to, const auto& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    for (const Group& group : batch) {
        for (const Candidate& c : group.candidates) {
            t.tokens.push_back(static_cast<int64_t>(c.response_ids.size()));
            t.reward.push_back(c.rollout->reward);
            append(t.ids, c.response_ids);
            append(t.ref_logp, c.ref_tok_logp);
            append(t.old_logp, c.rollout->old_logp);
            append(t.advantage, c.rollout->advantage);
            append(t.old_value, c.rollout->old_value);
            append(t.returns, c.rollout->returns);
        }
    }
    return t;
}

Tables parse(const std::string& path, const std::string& key) {
    const std::string bytes = read_file(path);
    const std::lock_guard lock(hdf5_mutex());
    require_hdf5();
    const QuietHdf5 quiet;
    ImageReader file(bytes, path);
    Tables tables;
    std::vector<std::string> names{"rollouts/sha256"};
    each(tables, [&](const char* name, auto&) { names.emplace_back(name); });
    file.expect(kSchema, kVersion, names);
    each(tables, [&](const char* name, auto& values) { file.get(name, values); });
    std::vector<uint8_t> sum;
    file.get("rollouts/sha256", sum);
    if (sum != checksum(key, tables)) {
        file.corrupt("the rollouts do not match their SHA-256, or are of another batch");
    }
    return tables;
}

}  // namespace

void write_rollouts(const std::string& path,
                    const std::string& key,
                    const std::vector<Group>& batch) {
    const Tables tables = tables_of(batch);
    std::string image;
    {
        const std::lock_guard lock(hdf5_mutex());
        const QuietHdf5 quiet;
        ImageWriter file(kSchema, kVersion);
        file.group("rollouts");
        each(tables, [&](const char* name, const auto& values) { file.put(name, values); });
        file.put("rollouts/sha256", checksum(key, tables));
        image = file.image();
    }
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    atomic_write(path, image);
}

void read_rollouts(const std::string& path, const std::string& key, std::vector<Group>& batch) {
    const Tables t = parse(path, key);
    int64_t begin = 0;
    size_t n = 0;
    const auto slice = [&](const auto& from, int64_t size) {
        return from.empty() ? std::decay_t<decltype(from)>{}
                            : std::decay_t<decltype(from)>(from.begin() + begin,
                                                           from.begin() + begin + size);
    };
    for (Group& group : batch) {
        for (Candidate& c : group.candidates) {
            if (n == t.tokens.size()) {
                throw Error(
                    Code::corrupt, "the rollouts have fewer responses than the batch", path);
            }
            const int64_t size = t.tokens[n];
            c.response_ids = slice(t.ids, size);
            c.ref_tok_logp = slice(t.ref_logp, size);
            c.ref_logp = 0;
            for (const double value : c.ref_tok_logp) {
                c.ref_logp += value;
            }
            auto rollout = std::make_shared<Rollout>();
            rollout->reward = t.reward[n];
            rollout->old_logp = slice(t.old_logp, size);
            rollout->advantage = slice(t.advantage, size);
            rollout->old_value = slice(t.old_value, size);
            rollout->returns = slice(t.returns, size);
            c.rollout = std::move(rollout);
            begin += size;
            ++n;
        }
    }
}

}  // namespace samara::host
