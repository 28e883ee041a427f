// Sealed manifests; see manifest.hpp.
#include "core/store/manifest.hpp"

#include "core/store/hash.hpp"
#include "runtime/error.hpp"

namespace samara::host {
namespace {
constexpr const char* kSeal = "manifest_sha256";
}

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

}  // namespace samara::host
