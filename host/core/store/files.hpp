// Files that are either old or new, never half: temporary name in the same folder, fsync, rename,
// fsync of the folder. Every write of caches, checkpoints and run folders goes through FileLayer,
// so a test can fail the k-th call. Knows nothing of HDF5.  Implemented in files.cpp, orphans.cpp
// and folder.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace samara::host {

/// The system calls that change a disk, with their usual results and errno.  The base class calls
/// the system.
class FileLayer {
public:
    virtual ~FileLayer() = default;
    virtual int open(const char* path, int flags, unsigned mode);
    virtual ssize_t write(int descriptor, const void* bytes, size_t size);
    virtual int sync(int descriptor);
    virtual int close(int descriptor);
    virtual int rename(const char* from, const char* to);
    virtual int exchange(const char* a, const char* b);  ///< swaps two names atomically (Linux)
};

/// The system's own calls.
FileLayer& system_files();

/// Writes `path` atomically: afterwards it holds `bytes` and is on disk, or it is as it was and
/// Error(Code::io) names the file, the bytes needed and the reason.  Safe against any number of
/// concurrent writers of one name.
void atomic_write(const std::string& path,
                  std::string_view bytes,
                  FileLayer& files = system_files());

/// Makes renames in `folder` durable.  A failed fsync is never retried: the kernel may have dropped
/// the pages.
void fsync_dir(const std::string& folder, FileLayer& files = system_files());

/// Makes a file that somebody else wrote durable.
void fsync_file(const std::string& path, FileLayer& files = system_files());

/// The whole file.  Throws Error(Code::io).
[[nodiscard]] std::string read_file(const std::string& path);

/// SHA-256 of the file's bytes, 64 hex digits; reads in pieces.  Throws Error(Code::io).
[[nodiscard]] std::string sha256_file(const std::string& path);

/// `path` + ".tmp.PID.HOSTRANDOM": unique, in the same folder, recognised by sweep_orphans.
[[nodiscard]] std::string temporary_name(const std::string& path);

/// Removes temporary files and folders in `folder` whose writer on this machine is dead, and any
/// older than a day. Returns how many; what cannot be removed stays.
int64_t sweep_orphans(const std::string& folder);

/// Error(Code::io) for errno `reason`: what failed, the bytes needed when not 0, the free space
/// when the disk is full.
[[noreturn]] void throw_io(const std::string& doing,
                           const std::string& path,
                           int reason,
                           uint64_t bytes_needed = 0);

/// A folder that appears whole or not at all (checkpoints, final models): every file synced and
/// hashed into manifest.json, then one rename.  A crash leaves the old folder, the new one, or an
/// orphan. Usage: AtomicFolder f(target); write files below f.path(); f.publish().  Without
/// publish() the temporary goes. [one thread at a time]
class AtomicFolder {
public:
    static constexpr const char* kManifest = "manifest.json";

    /// Creates the temporary folder beside `target` (and missing parents), sweeps orphans there.
    /// Throws Error(Code::io).
    explicit AtomicFolder(std::string target, FileLayer& files = system_files());
    ~AtomicFolder();
    AtomicFolder(const AtomicFolder&) = delete;
    AtomicFolder& operator=(const AtomicFolder&) = delete;

    /// Where to write, until publish().
    [[nodiscard]] const std::string& path() const { return temporary_; }

    /// Syncs and hashes all files, writes the manifest, renames.  An existing target is swapped
    /// atomically, then removed.  Throws Error(Code::io); the target is then as it was.
    void publish();

    /// Every file is there with its size and hash, and no other.  Throws Error(Code::corrupt) that
    /// names the first difference; a folder without manifest is not complete.
    static void verify(const std::string& folder);

private:
    std::string target_;
    std::string temporary_;
    FileLayer& files_;
    bool published_ = false;
};

/// A model folder that AtomicFolder published still has the files it was published with; others may
/// have come beside them.  A folder from elsewhere, without a manifest of ours, passes.  Returns
/// `folder`.  Throws Error(Code::corrupt) that names the first difference.
std::string verify_published(const std::string& folder);

}  // namespace samara::host
