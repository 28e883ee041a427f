// SHA-256, the one content hash of the host: cache keys, manifests, data files.
// Not a password hash and no signature: it finds damage and names content.  OpenSSL stays in
// hash.cpp.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace samara::host {

/// Incremental SHA-256.  [one thread at a time]  Throws Error(Code::internal) if OpenSSL refuses.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void update(std::string_view bytes);
    /// 64 lower-case hex digits of everything so far; the object is spent afterwards.
    [[nodiscard]] std::string hex();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Of bytes in memory, as 64 lower-case hex digits.
[[nodiscard]] std::string sha256(std::string_view bytes);

}  // namespace samara::host
