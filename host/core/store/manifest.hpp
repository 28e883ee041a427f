// A manifest is a JSON object that carries the hash of its own text, so that damage to it is found
// like damage to the file it describes.  Private to the store room.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace samara::host {

/// The text to store: `content` with the member "manifest_sha256" added.
std::string seal_manifest(nlohmann::json content);

/// The object when `text` is a sealed manifest, byte for byte as sealed.  Throws
/// Error(Code::corrupt), `where` named.
nlohmann::json open_manifest(std::string_view text, const std::string& where);

}  // namespace samara::host
