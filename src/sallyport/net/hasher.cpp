#include <sallyport/net/hasher.hpp>

#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <zlib.h>

namespace sallyport::net {
namespace {

const EVP_MD* digest_of(hash_algorithm a) {
    switch (a) {
        case hash_algorithm::sha512: return EVP_sha512();
        case hash_algorithm::sha1: return EVP_sha1();
        case hash_algorithm::md5: return EVP_md5();
        default: return EVP_sha256();
    }
}

}  // namespace

struct hasher::state {
    explicit state(hash_algorithm a) : algorithm(a) {}

    hash_algorithm algorithm;
    uLong crc = 0;
    // Null for CRC-32.
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{nullptr, &EVP_MD_CTX_free};
};

void hasher::destroy::operator()(state* s) const noexcept { delete s; }

result<hasher> hasher::make(hash_algorithm algorithm) {
    std::unique_ptr<state, destroy> out(new state(algorithm));
    if (algorithm == hash_algorithm::crc32) return hasher(std::move(out));
    out->digest.reset(EVP_MD_CTX_new());
    if (!out->digest || EVP_DigestInit_ex(out->digest.get(), digest_of(algorithm), nullptr) != 1)
        return fail(errc::unsupported, fmt::format("OpenSSL on this machine has no {}", name(algorithm)));
    return hasher(std::move(out));
}

void hasher::add(std::span<const char> bytes) {
    if (state_->digest)
        static_cast<void>(EVP_DigestUpdate(state_->digest.get(), bytes.data(), bytes.size()));
    else
        state_->crc = crc32_z(state_->crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

result<std::string> hasher::finish() {
    if (!state_->digest) return fmt::format("{:08x}", state_->crc);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_DigestFinal_ex(state_->digest.get(), digest.data(), &size) != 1)
        return fail(errc::unsupported, fmt::format("OpenSSL could not compute the {}", name(state_->algorithm)));
    std::string out;
    for (const auto byte : std::span(digest).first(size)) out += fmt::format("{:02x}", byte);
    return out;
}

}  // namespace sallyport::net
