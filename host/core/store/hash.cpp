// SHA-256 by OpenSSL's EVP interface; see hash.hpp.
#include "core/store/hash.hpp"

#include "runtime/error.hpp"

#include <openssl/evp.h>

namespace samara::host {

struct Sha256::State {
    EVP_MD_CTX* context = nullptr;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    state_->context = EVP_MD_CTX_new();
    if (state_->context == nullptr ||
        EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) {
        EVP_MD_CTX_free(state_->context);
        throw Error(Code::internal, "OpenSSL offers no SHA-256");
    }
}

Sha256::~Sha256() {
    EVP_MD_CTX_free(state_->context);
}

void Sha256::update(std::string_view bytes) {
    if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) {
        throw Error(Code::internal, "SHA-256 failed");
    }
}

std::string Sha256::hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(state_->context, digest, &size) != 1) {
        throw Error(Code::internal, "SHA-256 failed");
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(2UL * size);
    for (unsigned int i = 0; i < size; ++i) {
        out += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
    }
    return out;
}

std::string sha256(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.hex();
}

}  // namespace samara::host
