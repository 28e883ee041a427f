// Sealed manifests; see manifest.hpp.
#include "core/store/manifest.hpp"

#include "core/store/hash.hpp"
#include "runtime/error.hpp"

#include <algorithm>

namespace samara::host {
namespace {
constexpr const char* kSeal = "manifest_sha256";
constexpr size_t kDigits = 64;

std::string hash_of(std::string_view image, const std::string& key) {
    Sha256 hash;
    hash.update(key + "\n");
    hash.update(image);
    return hash.hex();
}
}  // namespace

std::string seal_manifest(nlohmann::json content) {
    content.erase(kSeal);
    content[kSeal] = sha256(content.dump());
    return content.dump(1) + "\n";
}

nlohmann::json open_manifest(std::string_view text, const std::string& where) {
    nlohmann::json content = nlohmann::json::parse(text, nullptr, false);
    // Sealing the parsed object again must give the same bytes: no byte of the text is outside the
    // check.
    if (!content.is_object() || !content.contains(kSeal) || !content[kSeal].is_string()) {
        throw Error(Code::corrupt, "the manifest is not readable", where);
    }
    std::string again;
    try {
        again = seal_manifest(content);
    } catch (const nlohmann::json::exception&) {  // text that is not UTF-8
        throw Error(Code::corrupt, "the manifest is not readable", where);
    }
    if (again != text) {
        throw Error(
            Code::corrupt, "the manifest is damaged: it does not match its own hash", where);
    }
    return content;
}

std::string seal_image(std::string image, const std::string& key) {
    image += hash_of(image, key);
    return image;
}

std::string_view open_image(std::string_view bytes,
                            const std::string& key,
                            const std::string& where) {
    const std::string_view image = bytes.substr(0, bytes.size() - std::min(kDigits, bytes.size()));
    if (bytes.size() < kDigits || bytes.substr(image.size()) != hash_of(image, key)) {
        throw Error(Code::corrupt,
                    "the file does not match the SHA-256 at its end, or is of another key",
                    where,
                    "remove it; it is rebuilt when needed");
    }
    return image;
}

}  // namespace samara::host
