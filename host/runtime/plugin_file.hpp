// A plugin's file before any of its code runs: who may write it, whether it is a whole ELF library
// for this processor, what its entry says.  Internal to runtime/; see docs/sdk.md, section 5.
#pragma once
#include <string>
#include <sys/types.h>
#include <vector>

namespace samara::host {

/// An opened library.  The descriptor stays open for ever: glibc matches libraries by name and
/// inode, and an inode that could be used again would silently return another plugin.
struct PluginFile {
    int fd = -1;
    std::string path;  ///< absolute, links resolved
    dev_t device = 0;
    ino_t inode = 0;
    int64_t size = 0;
};

/// Opens `path` (absolute) and checks file and parents.  Throws Error(Code::plugin); what is only
/// doubtful, or allowed by `allow_insecure`, is added to `notices`.
PluginFile open_plugin_file(const std::string& path,
                            bool allow_insecure,
                            std::vector<std::string>& notices);

/// Whole, a shared library, for this machine, with an entry of our magic and ABI.  Throws
/// Error(Code::plugin). A truncated file that passes unseen kills the process inside dlopen.
void check_elf(const PluginFile& file);

/// SHA-256 of the file through its descriptor, in hex.
std::string sha256_of(const PluginFile& file);

/// Judges magic and ABI; throws Error(Code::plugin) with both values.
void check_handshake(const std::string& path, uint64_t magic, uint64_t abi);

}  // namespace samara::host
