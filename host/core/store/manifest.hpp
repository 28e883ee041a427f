// Files that vouch for themselves.  A manifest is a JSON object that carries the hash of its own
// text, so that damage to it is found like damage to the file it describes; an image carries its
// hash behind it.  Private to the store room.
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

/// `image` and, behind it, 64 hex digits of the SHA-256 over `key` and image.
std::string seal_image(std::string image, const std::string& key);

/// The image of what seal_image made with this key, before anybody parses it; a view into `bytes`.
/// Throws Error(Code::corrupt), `where` named.
std::string_view open_image(std::string_view bytes,
                            const std::string& key,
                            const std::string& where);

}  // namespace samara::host
