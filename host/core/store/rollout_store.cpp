// See rollout_store.hpp.
#include "core/store/rollout_store.hpp"

#include "core/store/files.hpp"
#include "core/store/hdf5_io.hpp"
#include "core/store/manifest.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>

namespace samara::host {
namespace {

constexpr const char* kSchema = "samara.rollouts";
constexpr int64_t kVersion = 2;

/// The file's datasets.  Per candidate: tokens, reward.  Per token: the rest, the critic's only
/// with one.
struct Tables {
    std::vector<int64_t> tokens, ids;
    std::vector<double> reward, old_logp, ref_logp, advantage, old_value, returns;
};

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
    const std::string_view image = open_image(bytes, key, path);
    const std::lock_guard lock(hdf5_mutex());
    require_hdf5();
    const QuietHdf5 quiet;
    ImageReader file(image, path);
    Tables tables;
    std::vector<std::string> names;
    each(tables, [&](const char* name, auto&) { names.emplace_back(name); });
    file.expect(kSchema, kVersion, names);
    each(tables, [&](const char* name, auto& values) { file.get(name, values); });
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
        image = file.image();
    }
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    atomic_write(path, seal_image(std::move(image), key));
}

std::optional<Problem> verify_rollouts(const std::string& path) {
    const std::string name = std::filesystem::path(path).stem().string();
    const size_t digit = std::min(name.find_first_of("123456789"), name.size() - 1);
    try {
        (void)parse(path, name.substr(digit));  // batch-000012 -> 12, batch-000000 -> 0
    } catch (const Error& error) {
        return error.problems().front();
    }
    return std::nullopt;
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
