#include <sallyport/net/ticket_keys.hpp>

#include <algorithm>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/tls_resumption.hpp>

namespace sallyport::net {

class ticket_key {
public:
    ticket_key() = default;
    ticket_key(const ticket_key&) = delete;
    ticket_key& operator=(const ticket_key&) = delete;
    ~ticket_key() {
        OPENSSL_cleanse(cipher_.data(), cipher_.size());
        OPENSSL_cleanse(mac_.data(), mac_.size());
    }

    [[nodiscard]] bool fill() {
        return RAND_bytes(name_.data(), static_cast<int>(name_.size())) == 1 &&
               RAND_priv_bytes(cipher_.data(), static_cast<int>(cipher_.size())) == 1 &&
               RAND_priv_bytes(mac_.data(), static_cast<int>(mac_.size())) == 1;
    }
    [[nodiscard]] std::span<const std::uint8_t, ticket_keys::name_size> name() const noexcept { return name_; }
    [[nodiscard]] const std::uint8_t* cipher() const noexcept { return cipher_.data(); }
    [[nodiscard]] bool prepare(EVP_MAC_CTX* mac) {
        std::array<char, 7> digest{"SHA256"};
        const std::array<OSSL_PARAM, 3> parameters{
            OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_.data(), mac_.size()),
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
        return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
    }
    /// Sets the key that replaced this one; called once, before other threads can use the new key.
    void set_next(ticket_key_ptr next) noexcept { next_ = std::move(next); }

private:
    std::array<std::uint8_t, ticket_keys::name_size> name_{};
    std::array<std::uint8_t, 32> cipher_{};
    std::array<std::uint8_t, 32> mac_{};
    ticket_key_ptr next_;
};

namespace {

// OpenSSL's callback for the key of one ticket (SSL_CTX_set_tlsext_ticket_key_evp_cb). 1 continues with it, 0 results in a
// full handshake.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
    auto& keys = tls_resumption::of(ssl).tickets;
    if (encrypt == 1) {
        const auto key = without_exception(ticket_key_ptr(), [&] { return keys.current(ticket_keys::clock::now()); });
        if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return 0;
        std::ranges::copy(key->name(), name);
        const bool ready = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher(), iv) == 1;
        return ready && key->prepare(mac) ? 1 : -1;
    }
    const auto key = keys.find(std::span<const std::uint8_t, ticket_keys::name_size>(name, ticket_keys::name_size));
    if (!key) return 0;
    const bool ready = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher(), iv) == 1;
    return ready && key->prepare(mac) ? 1 : -1;
}

}  // namespace

ticket_key_ptr ticket_keys::current(clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (current_ && now < renew_at_) return current_;
    auto fresh = std::make_shared<ticket_key>();
    if (!fresh->fill()) return current_;
    std::erase_if(older_, [](const auto& k) { return k.expired(); });
    if (current_) {
        older_.push_back(current_);
        current_->set_next(fresh);
    }
    current_ = std::move(fresh);
    renew_at_ = now + limits::ticket_key_lifetime;
    return current_;
}

ticket_key_ptr ticket_keys::find(std::span<const std::uint8_t, name_size> name) const {
    const auto is_it = [&](const ticket_key_ptr& k) { return k && std::ranges::equal(k->name(), name); };
    const std::lock_guard lock(mutex_);
    if (is_it(current_)) return current_;
    for (const auto& older : older_) {
        if (auto key = older.lock(); is_it(key)) return key;
    }
    return nullptr;
}

bool use_ticket_keys(ssl_ctx_st* context) { return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key) == 1; }

}  // namespace sallyport::net
