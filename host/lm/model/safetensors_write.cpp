// The writer of safetensors files; see safetensors.hpp.
#include "lm/model/safetensors.hpp"
#include "runtime/error.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace samara::host {
namespace {

class File {
public:
    File(const std::string& path, uint64_t bytes)
        : path_(path),
          bytes_(bytes),
          file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
        // Readable by others whatever the umask: models are shared between users.
        if (file_ < 0 || ::fchmod(file_, 0644) != 0)
            fail("cannot create");
    }
    ~File() {
        if (file_ >= 0)
            ::close(file_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    void write(const char* data, size_t size) {
        while (size > 0) {
            const ssize_t done = ::write(file_, data, size);
            if (done < 0 && errno != EINTR)
                fail("cannot write");
            data += std::max<ssize_t>(done, 0);
            size -= std::max<ssize_t>(done, 0);
        }
    }
    void close() {
        const int file = std::exchange(file_, -1);
        if (::close(file) != 0)
            fail("cannot write");
    }

private:
    [[noreturn]] void fail(const char* what) {
        const std::string message =
            what + (" (" + std::to_string(bytes_) + " bytes): ") + std::strerror(errno);
        if (file_ >= 0)
            ::close(std::exchange(file_, -1));
        throw Error(Code::io, message, path_);
    }
    std::string path_;
    uint64_t bytes_;  ///< the size of the whole file, for messages
    int file_;
};

const char* name_of(at::ScalarType type) {
    switch (type) {
        case at::kFloat:
            return "F32";
        case at::kDouble:
            return "F64";
        case at::kBFloat16:
            return "BF16";
        case at::kHalf:
            return "F16";
        case at::kLong:
            return "I64";
        default:
            throw Error(Code::internal, "a tensor type that safetensors files are not written in");
    }
}

}  // namespace

void write_safetensors(const std::string& path,
                       std::vector<std::pair<std::string, at::Tensor>> tensors) {
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
        return a.first < b.first;
    });
    nlohmann::ordered_json header{{"__metadata__", {{"format", "pt"}}}};
    uint64_t at = 0;
    for (auto& [name, tensor] : tensors) {
        const uint64_t bytes = tensor.numel() * tensor.element_size();
        header[name] = {{"dtype", name_of(tensor.scalar_type())},
                        {"shape", tensor.sizes().vec()},
                        {"data_offsets", {at, at + bytes}}};
        at += bytes;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');  // data begins at a multiple of 8 bytes
    std::string length(8, '\0');
    for (size_t i = 0; i < 8; ++i)
        length[i] = static_cast<char>(text.size() >> (8 * i));
    File file(path, length.size() + text.size() + at);
    file.write(length.data(), length.size());
    file.write(text.data(), text.size());
    for (const auto& [name, tensor] : tensors) {
        const at::Tensor flat = tensor.detach().cpu().contiguous();
        file.write(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
    }
    file.close();
}

}  // namespace samara::host
