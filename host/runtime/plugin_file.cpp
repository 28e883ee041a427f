// See plugin_file.hpp.  Everything here reads through the one descriptor, so that what is checked
// is what is hashed.
#include "runtime/plugin_file.hpp"

#include "runtime/error.hpp"

#include <samara/samara.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <memory>
#include <openssl/evp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace samara::host {
namespace {

[[noreturn]] void refuse(const std::string& path,
                         const std::string& what,
                         const std::string& help = "") {
    throw Error(Code::plugin, what, path, help);
}

/// A group that has no member but the owner (the default umask 0002 of many systems relies on it).
bool is_private_group(uid_t owner, gid_t gid) {
    const passwd* user = ::getpwuid(owner);
    if (user == nullptr || user->pw_gid != gid) {
        return false;
    }
    const std::string name = user->pw_name;
    const group* g = ::getgrgid(gid);
    for (char** member = g == nullptr ? nullptr : g->gr_mem;
         member != nullptr && *member != nullptr;
         ++member) {
        if (name != *member) {
            return false;
        }
    }
    return g != nullptr;
}

bool trusted_owner(uid_t owner) {
    struct stat self {};
    const bool known = ::stat("/proc/self/exe", &self) == 0;
    return owner == 0 || owner == ::geteuid() || (known && owner == self.st_uid);
}

/// Judges one file or folder on the way to the library.
void check_writers(const std::string& path,
                   const struct stat& st,
                   bool insecure,
                   std::vector<std::string>& notices) {
    const bool sticky_folder = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
    std::string what, help;
    if ((st.st_mode & S_IWOTH) != 0 && !sticky_folder) {
        what = "it is world-writable";
        help = "chmod o-w '" + path + "'";
    } else if (!trusted_owner(st.st_uid)) {
        what = "it belongs to user " + std::to_string(st.st_uid) +
               ", who is neither you, root nor the owner of samara";
        help = "copy the plugin to a folder of yours";
    }
    if (!what.empty() && !insecure) {
        refuse(path, "not loaded: " + what, help);
    }
    if (!what.empty()) {
        notices.push_back(path + ": " + what + "; loaded because insecure folders are allowed");
    } else if ((st.st_mode & S_IWGRP) != 0 && !sticky_folder &&
               !is_private_group(st.st_uid, st.st_gid)) {
        notices.push_back(path + ": its group may write to it");
    }
}

void check_parents(std::filesystem::path path, bool insecure, std::vector<std::string>& notices) {
    while (path != path.root_path()) {
        path = path.parent_path();
        struct stat st {};
        if (::stat(path.c_str(), &st) == 0) {
            check_writers(path.string(), st, insecure, notices);
        }
    }
}

/// Reads a T at `offset`; false past the end.
template <class T>
bool read_at(const PluginFile& file, uint64_t offset, T& out) {
    return offset <= static_cast<uint64_t>(file.size) &&
           static_cast<uint64_t>(file.size) - offset >= sizeof(T) &&
           ::pread(file.fd, &out, sizeof(T), static_cast<off_t>(offset)) ==
               static_cast<ssize_t>(sizeof(T));
}

const char* machine_name(unsigned machine) {
    switch (machine) {
        case EM_X86_64:
            return "x86-64";
        case EM_AARCH64:
            return "aarch64";
        case EM_386:
            return "x86 (32 bit)";
        case EM_ARM:
            return "arm (32 bit)";
        case EM_RISCV:
            return "riscv";
        case EM_PPC64:
            return "ppc64";
        default:
            return "unknown";
    }
}

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#else
#error "samara knows x86-64 and aarch64"
#endif

/// File offset of a virtual address, by the loadable segments; 0: none.
uint64_t offset_of(const PluginFile& file, const Elf64_Ehdr& head, uint64_t address) {
    for (int i = 0; i < head.e_phnum; ++i) {
        Elf64_Phdr p{};
        if (read_at(file, head.e_phoff + static_cast<uint64_t>(i) * sizeof p, p) &&
            p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz) {
            return p.p_offset + (address - p.p_vaddr);
        }
    }
    return 0;
}

/// Finds the entry in the dynamic symbols and judges it.  A file without section headers (stripped
/// of them on purpose) is judged after loading only.
void check_entry_symbol(const PluginFile& file, const Elf64_Ehdr& head) {
    bool has_table = false;
    for (int i = 0; i < head.e_shnum; ++i) {
        Elf64_Shdr section{}, strings{};
        if (!read_at(file, head.e_shoff + static_cast<uint64_t>(i) * sizeof section, section) ||
            section.sh_type != SHT_DYNSYM ||
            !read_at(file,
                     head.e_shoff + static_cast<uint64_t>(section.sh_link) * sizeof strings,
                     strings)) {
            continue;
        }
        has_table = true;
        for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= section.sh_size; at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol{};
            char name[sizeof "samara_plugin_entry"] = {};
            if (!read_at(file, section.sh_offset + at, symbol) || symbol.st_shndx == SHN_UNDEF ||
                !read_at(file, strings.sh_offset + symbol.st_name, name) ||
                std::memcmp(name, "samara_plugin_entry", sizeof name) != 0) {
                continue;
            }
            uint64_t entry[3] = {};  // struct_size, magic, abi
            if (!read_at(file, offset_of(file, head, symbol.st_value), entry)) {
                refuse(file.path, "its samara_plugin_entry lies outside the file");
            }
            check_handshake(file.path, entry[1], entry[2]);
            return;
        }
    }
    if (has_table) {
        refuse(
            file.path,
            "it exports no samara_plugin_entry, so it is no Samara plugin",
            "end one source file with SAMARA_PLUGINS(...) and build it with SDK " SAMARA_VERSION);
    }
}

}  // namespace

PluginFile open_plugin_file(const std::string& path,
                            bool allow_insecure,
                            std::vector<std::string>& notices) {
    if (path.empty() || path.front() != '/') {
        refuse(path, "a plugin is named by an absolute path");
    }
    PluginFile file;
    file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0) {
        refuse(path, std::string("it cannot be opened: ") + std::strerror(errno));
    }
    struct Closer {  // only while the file may still be refused
        int fd;
        ~Closer() {
            if (fd >= 0) {
                ::close(fd);
            }
        }
    } closer{file.fd};
    struct stat st {};
    ::fstat(file.fd, &st);
    if (!S_ISREG(st.st_mode)) {
        refuse(path, "it is not a regular file");
    }
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                           &std::free);
    if (real == nullptr) {
        refuse(path, std::string("its path cannot be resolved: ") + std::strerror(errno));
    }
    file.path = real.get();
    file.device = st.st_dev;
    file.inode = st.st_ino;
    file.size = st.st_size;
    check_writers(file.path, st, allow_insecure, notices);
    check_parents(file.path, allow_insecure, notices);
    const std::filesystem::path named = std::filesystem::path(path).lexically_normal();
    if (named != file.path) {  // whoever may change the link may change the plugin
        check_parents(named, allow_insecure, notices);
    }
    closer.fd = -1;
    return file;
}

void check_handshake(const std::string& path, uint64_t magic, uint64_t abi) {
    if (magic != SAMARA_MAGIC) {
        refuse(path, "its samara_plugin_entry has the wrong magic number");
    }
    if (abi >> 32 != SAMARA_ABI >> 32) {
        refuse(path,
               "it speaks ABI " + std::to_string(abi >> 32) + ", this host speaks ABI " +
                   std::to_string(SAMARA_ABI >> 32),
               "build it with the SDK of samara " SAMARA_VERSION);
    }
}

void check_elf(const PluginFile& file) {
    Elf64_Ehdr head{};
    if (!read_at(file, 0, head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        refuse(file.path, "it is not an ELF shared library");
    }
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != kMachine) {
        refuse(file.path,
               std::string("it is built for another processor: ") + machine_name(head.e_machine) +
                   ", this one is " + machine_name(kMachine));
    }
    if (head.e_type != ET_DYN) {
        refuse(file.path, "it is an ELF file, but not a shared library");
    }
    for (int i = 0; i < head.e_phnum; ++i) {
        Elf64_Phdr p{};
        const bool there = head.e_phentsize == sizeof p &&
                           read_at(file, head.e_phoff + static_cast<uint64_t>(i) * sizeof p, p);
        const auto size = static_cast<uint64_t>(file.size);
        if (!there || p.p_filesz > size || p.p_offset > size - p.p_filesz) {
            refuse(file.path,
                   "it is truncated: segment " + std::to_string(i) + " ends after the file's " +
                       std::to_string(size) + " bytes",
                   "copy or build it again");
        }
    }
    check_entry_symbol(file, head);
}

std::string sha256_of(const PluginFile& file) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<char> block(1 << 16);
    off_t at = 0;
    for (ssize_t n = 0; (n = ::pread(file.fd, block.data(), block.size(), at)) > 0; at += n) {
        EVP_DigestUpdate(context.get(), block.data(), static_cast<size_t>(n));
    }
    if (at != file.size) {
        refuse(file.path, "it cannot be read to its end");
    }
    unsigned char digest[32] = {};
    EVP_DigestFinal_ex(context.get(), digest, nullptr);
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (const unsigned char byte : digest) {
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
    return out;
}

}  // namespace samara::host
