// Atomic folders; see AtomicFolder in files.hpp.
#include "core/store/files.hpp"
#include "core/store/hash.hpp"
#include "core/store/manifest.hpp"
#include "runtime/error.hpp"

#include <cerrno>
#include <filesystem>
#include <set>

namespace samara::host {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFolderSchema = "samara.folder/1";

std::string parent_of(const std::string& path) {
    const std::string parent = fs::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

// Regular files below `folder`, relative, sorted; anything else (links, devices) is refused.
std::set<std::string> files_below(const std::string& folder) {
    std::set<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_symlink() || !(entry.is_regular_file() || entry.is_directory())) {
            throw Error(Code::corrupt, "neither a file nor a folder", entry.path().string());
        }
        if (entry.is_regular_file()) {
            out.insert(fs::relative(entry.path(), folder).string());
        }
    }
    return out;
}

void make_folder(const std::string& path) {
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) {
        throw_io("cannot create the folder", path, failed.value());
    }
}

}  // namespace

AtomicFolder::AtomicFolder(std::string target, FileLayer& files)
    : target_(std::move(target)), files_(files) {
    while (target_.size() > 1 && target_.back() == '/') {
        target_.pop_back();
    }
    make_folder(parent_of(target_));
    sweep_orphans(parent_of(target_));
    temporary_ = temporary_name(target_);
    make_folder(temporary_);
}

AtomicFolder::~AtomicFolder() {
    if (!published_) {
        std::error_code ignored;
        fs::remove_all(temporary_, ignored);
    }
}

void AtomicFolder::publish() {
    nlohmann::json listed = nlohmann::json::object();
    std::set<std::string> folders{temporary_};
    for (const std::string& name : files_below(temporary_)) {
        const std::string path = temporary_ + "/" + name;
        if (name == kManifest) {
            throw Error(Code::internal, "a file of this folder has the manifest's name", path);
        }
        fsync_file(path, files_);
        listed[name] = {{"bytes", fs::file_size(path)}, {"sha256", sha256_file(path)}};
        for (fs::path up = fs::path(path).parent_path(); up != temporary_; up = up.parent_path()) {
            folders.insert(up.string());
        }
    }
    // The manifest comes last: a folder that has one was complete.
    atomic_write(temporary_ + "/" + kManifest,
                 seal_manifest({{"schema", kFolderSchema}, {"files", listed}}),
                 files_);
    for (const std::string& folder : folders) {
        fsync_dir(folder, files_);
    }
    const bool exists = fs::exists(fs::symlink_status(target_));
    const int failed = exists ? files_.exchange(temporary_.c_str(), target_.c_str())
                              : files_.rename(temporary_.c_str(), target_.c_str());
    if (failed != 0) {
        throw_io("cannot rename into place", target_, errno);
    }
    published_ = true;
    fsync_dir(parent_of(target_), files_);
    if (exists) {
        std::error_code ignored;  // an orphan for the next sweep
        fs::remove_all(temporary_, ignored);
    }
}

namespace {

/// The files of the manifest have their sizes and hashes.  `found`: what is there; what is not in
/// the manifest is left in it.
void verify_files(const std::string& folder,
                  const std::string& text,
                  std::set<std::string>& found) {
    const nlohmann::json content = open_manifest(text, folder + "/" + AtomicFolder::kManifest);
    found.erase(AtomicFolder::kManifest);
    for (const auto& [name, fact] : content.at("files").items()) {
        const std::string path = folder + "/" + name;
        if (found.erase(name) == 0) {
            throw Error(Code::corrupt, "a file of the manifest is missing", path);
        }
        if (fact.at("bytes") != fs::file_size(path) || fact.at("sha256") != sha256_file(path)) {
            throw Error(Code::corrupt, "the file does not match its hash in manifest.json", path);
        }
    }
}

void verify_folder(const std::string& folder) {
    const std::string manifest = folder + "/" + AtomicFolder::kManifest;
    if (!fs::exists(manifest)) {
        throw Error(Code::corrupt, "not complete: it has no manifest.json", folder);
    }
    std::set<std::string> found = files_below(folder);
    verify_files(folder, read_file(manifest), found);
    if (!found.empty()) {
        throw Error(
            Code::corrupt, "a file that the manifest does not list", folder + "/" + *found.begin());
    }
}

/// Whatever can go wrong in a look at a folder is an error that names it.
template <class Check>
void look(const std::string& folder, const Check& check) {
    try {
        check();
    } catch (const fs::filesystem_error& error) {
        throw_io("cannot read", folder, error.code().value());
    } catch (const nlohmann::json::exception&) {  // sealed, but not by this version
        throw Error(
            Code::corrupt, "the manifest has another form", folder + "/" + AtomicFolder::kManifest);
    }
}

}  // namespace

void AtomicFolder::verify(const std::string& folder) {
    look(folder, [&] { verify_folder(folder); });
}

std::string verify_published(const std::string& folder) {
    look(folder, [&] {
        const std::string manifest = folder + "/" + AtomicFolder::kManifest;
        const std::string text = fs::exists(manifest) ? read_file(manifest) : "";
        if (text.find(kFolderSchema) == std::string::npos) {
            return;
        }
        std::set<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(folder)) {
            found.insert(fs::relative(entry.path(), folder).string());
        }
        try {
            verify_files(folder, text, found);
        } catch (const Error& error) {
            Problem problem = error.problems().front();
            problem.help =
                "take it from a copy; if it was changed on purpose, remove manifest.json";
            throw Error(std::vector<Problem>{problem});
        }
    });
    return folder;
}

}  // namespace samara::host
