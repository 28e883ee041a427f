// Publishing caches; see store.hpp.
#include "core/store/group_file.hpp"
#include "core/store/hash.hpp"
#include "core/store/manifest.hpp"
#include "core/store/store.hpp"

#include <filesystem>

namespace samara::host {
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr size_t kFileBytes = 16UL << 20;  // of tables before compression, then the next file

Json to_json(const CacheKey& key) {
    Json parts = Json::array();
    for (const KeyPart& part : key.parts) {
        parts.push_back({part.name, part.value});
    }
    return parts;
}

}  // namespace

struct GroupStore::Writer::State {
    GroupStore& store;
    CacheKey key;
    std::string name;
    struct File {
        std::string temporary, hash;
        uint64_t bytes = 0;
        int64_t groups = 0;
    };
    GroupFileWriter open;
    std::vector<File> files;
    int64_t in_file = 0, groups = 0, candidates = 0, relations = 0;

    State(GroupStore& to, CacheKey its_key, std::string its_name)
        : store(to), key(std::move(its_key)), name(std::move(its_name)) {}

    // Under a name that nobody else has, so that a writer that gives up takes nothing from another
    // one of the same key.
    void close_file() {
        const std::string bytes = open.finish();
        File& file = files.emplace_back();
        file.hash = sha256(bytes);
        file.bytes = bytes.size();
        file.groups = in_file;
        file.temporary = temporary_name(store.data_path(name, file.hash));
        in_file = 0;
        atomic_write(file.temporary, bytes, store.files_);
    }
};

GroupStore::Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GroupStore::Writer::Writer(Writer&&) noexcept = default;

GroupStore::Writer::~Writer() {
    if (state_) {
        for (const State::File& file : state_->files) {
            std::error_code published;
            fs::remove(file.temporary, published);
        }
    }
}

void GroupStore::Writer::add(const Group& group) {
    State& s = *state_;
    s.open.add(group);
    ++s.groups;
    ++s.in_file;
    s.candidates += static_cast<int64_t>(group.candidates.size());
    s.relations += static_cast<int64_t>(group.relations.size());
    if (s.open.bytes() >= kFileBytes) {
        s.close_file();
    }
}

void GroupStore::Writer::publish(const std::string& summary) {
    State& s = *state_;
    if (s.in_file > 0 || s.files.empty()) {
        s.close_file();
    }
    Json files = Json::array();
    for (const State::File& file : s.files) {
        const std::string path = s.store.data_path(s.name, file.hash);
        if (s.store.files_.rename(file.temporary.c_str(), path.c_str()) != 0) {
            throw_io("cannot publish the cache", path, errno);
        }
        files.push_back({{"file", fs::path(path).filename().string()},
                         {"sha256", file.hash},
                         {"bytes", file.bytes},
                         {"groups", file.groups}});
    }
    // Data first: a manifest never names a file that is not on disk.
    fsync_dir(s.store.folder_, s.store.files_);
    const Json manifest = {
        {"schema", kStoreName},
        {"version", kStoreSchema},
        {"files", files},
        {"rows", {{"groups", s.groups}, {"candidates", s.candidates}, {"relations", s.relations}}},
        {"key", to_json(s.key)},
        {"summary", summary}};
    atomic_write(s.store.manifest_path(s.name), seal_manifest(manifest), s.store.files_);
}

GroupStore::Writer GroupStore::writer(const CacheKey& key) {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) {
        throw_io("cannot create the cache folder", folder_, failed.value());
    }
    sweep_orphans(folder_);
    sweep_unreferenced();
    const std::string name = key.digest();
    use(name);
    return Writer(std::make_unique<Writer::State>(*this, key, name));
}

void GroupStore::write(const CacheKey& key,
                       const std::vector<Group>& groups,
                       const std::string& summary) {
    Writer out = writer(key);
    for (const Group& group : groups) {
        out.add(group);
    }
    out.publish(summary);
}

}  // namespace samara::host
