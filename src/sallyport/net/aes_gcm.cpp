#include <sallyport/net/aes_gcm.hpp>

#ifdef SALLYPORT_IPSEC_MB
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include <intel-ipsec-mb.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

namespace sallyport::net {
namespace {

constexpr std::size_t tag_size = EVP_GCM_TLS_TAG_LEN;
constexpr std::size_t fixed_nonce = EVP_GCM_TLS_FIXED_IV_LEN;
constexpr std::size_t explicit_nonce = EVP_GCM_TLS_EXPLICIT_IV_LEN;  // a TLS 1.2 record begins with it
constexpr std::size_t nonce_size = fixed_nonce + explicit_nonce;
constexpr std::size_t most_associated = EVP_AEAD_TLS1_AAD_LEN;  // TLS 1.3 has 5 bytes

using bytes = std::span<const unsigned char>;

struct routines {
    std::size_t key_size;
    aes_gcm_pre_t expand;
    aes_gcm_init_t begin;
    aes_gcm_enc_dec_update_t encrypt;
    aes_gcm_enc_dec_finalize_t tag_encrypted;
    aes_gcm_enc_dec_update_t decrypt;
    aes_gcm_enc_dec_finalize_t tag_decrypted;
};

/// The library's for this processor; nothing where that has no AES on wide registers. The routines keep no state of their
/// own, so all threads share them.
const IMB_MGR* library() {
    static const auto* manager = []() -> const IMB_MGR* {
        std::unique_ptr<IMB_MGR, decltype(&free_mb_mgr)> made(alloc_mb_mgr(0), free_mb_mgr);
        if (!made) return nullptr;
        IMB_ARCH chosen = IMB_ARCH_NONE;
        init_mb_mgr_auto(made.get(), &chosen);
        const bool wide = chosen == IMB_ARCH_AVX512 && (made->features & IMB_FEATURE_VAES) != 0;
        return wide && imb_get_errno(made.get()) == 0 ? made.release() : nullptr;
    }();
    return manager;
}

const routines& routines_128() {
    static const auto* m = library();
    static const routines all{16,
                              m->gcm128_pre,
                              m->gcm128_init,
                              m->gcm128_enc_update,
                              m->gcm128_enc_finalize,
                              m->gcm128_dec_update,
                              m->gcm128_dec_finalize};
    return all;
}

const routines& routines_256() {
    static const auto* m = library();
    static const routines all{32,
                              m->gcm256_pre,
                              m->gcm256_init,
                              m->gcm256_enc_update,
                              m->gcm256_enc_finalize,
                              m->gcm256_dec_update,
                              m->gcm256_dec_finalize};
    return all;
}

// ---- Parameters, as OpenSSL passes them: what is not asked for is well answered

bool tell(OSSL_PARAM* params, const char* name, std::size_t value) {
    auto* p = OSSL_PARAM_locate(params, name);
    return p == nullptr || OSSL_PARAM_set_size_t(p, value) == 1;
}

bool octets(const OSSL_PARAM* p, bytes& found) {
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data == nullptr) return false;
    found = {static_cast<const unsigned char*>(p->data), p->data_size};
    return true;
}

// ---- One direction of a connection: OpenSSL's EVP_CIPHER_CTX

/// One message after the other, each under a nonce of its own. Every call tells whether it could be done.
class cipher {
public:
    explicit cipher(const routines& by) : by_(by) {}
    cipher(const cipher&) = delete;
    cipher& operator=(const cipher&) = delete;
    ~cipher() {
        OPENSSL_cleanse(&key_, sizeof key_);
        OPENSSL_cleanse(&state_, sizeof state_);
    }

    bool init(bool encrypts, bytes key, bytes nonce, const OSSL_PARAM* params);
    bool set(const OSSL_PARAM* params);
    bool get(OSSL_PARAM* params);
    /// Without `out` the bytes are the message's associated data, which come before all others.
    bool update(unsigned char* out, std::size_t* count, bytes in);
    bool finish();

private:
    bool use_nonce();
    bool end(unsigned char* tag);
    bool set_record_header(bytes header);
    bool set_fixed_nonce(bytes fixed);
    bool record(unsigned char* message, std::size_t size, std::size_t* count);
    void count_up();

    const routines& by_;
    alignas(64) gcm_key_data key_{};  // as the library needs it, and says only where LINUX is defined
    gcm_context_data state_{};
    std::array<unsigned char, nonce_size> nonce_{};
    std::array<unsigned char, tag_size> tag_{};
    std::array<unsigned char, most_associated> associated_{};
    std::size_t associated_size_ = 0;
    bool encrypts_ = false;
    bool has_key_ = false;
    bool has_nonce_ = false;  // a new one; none may serve twice
    bool begun_ = false;
    bool has_tag_ = false;        // to decrypt: the one to expect; to encrypt: the one made
    bool counts_nonces_ = false;  // TLS 1.2
    bool next_is_record_ = false;
};

bool cipher::init(bool encrypts, bytes key, bytes nonce, const OSSL_PARAM* params) {
    encrypts_ = encrypts;
    begun_ = has_tag_ = false;
    associated_size_ = 0;
    if (!key.empty()) {
        if (key.size() != by_.key_size) return false;
        by_.expand(key.data(), &key_);
        has_key_ = true;
    }
    if (!nonce.empty()) {
        if (nonce.size() != nonce_size) return false;
        std::ranges::copy(nonce, nonce_.begin());
        has_nonce_ = true;
    }
    return set(params);
}

bool cipher::use_nonce() {
    if (begun_) return true;
    if (!has_key_ || !has_nonce_) return false;
    by_.begin(&key_, &state_, nonce_.data(), associated_.data(), associated_size_);
    has_nonce_ = false;
    associated_size_ = 0;
    return begun_ = true;
}

bool cipher::update(unsigned char* out, std::size_t* count, bytes in) {
    *count = 0;
    if (next_is_record_) return out == in.data() && record(out, in.size(), count);
    if (out == nullptr) {
        if (begun_ || in.size() > associated_.size() - associated_size_) return false;
        std::ranges::copy(in, associated_.begin() + static_cast<std::ptrdiff_t>(associated_size_));
        associated_size_ += in.size();
    } else {
        if (!use_nonce()) return false;
        (encrypts_ ? by_.encrypt : by_.decrypt)(&key_, &state_, out, in.data(), in.size());
    }
    *count = in.size();
    return true;
}

bool cipher::finish() {
    if (!encrypts_) return has_tag_ && end(tag_.data());
    return has_tag_ = end(tag_.data());
}

/// To encrypt, tells the tag; to decrypt, compares it.
bool cipher::end(unsigned char* tag) {
    if (!use_nonce()) return false;
    begun_ = false;
    if (encrypts_) {
        by_.tag_encrypted(&key_, &state_, tag, tag_size);
        return true;
    }
    std::array<unsigned char, tag_size> right{};
    by_.tag_decrypted(&key_, &state_, right.data(), right.size());
    return CRYPTO_memcmp(tag, right.data(), right.size()) == 0;
}

bool cipher::set(const OSSL_PARAM* params) {
    if (params == nullptr) return true;
    bytes given;
    if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_IVLEN)) {
        std::size_t size = 0;
        if (OSSL_PARAM_get_size_t(p, &size) != 1 || size != nonce_size) return false;
    }
    if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TAG)) {
        if (encrypts_ || !octets(p, given) || given.size() != tag_size) return false;
        std::ranges::copy(given, tag_.begin());
        has_tag_ = true;
    }
    if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED)) {
        if (!octets(p, given) || !set_fixed_nonce(given)) return false;
    }
    if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD)) {
        if (!octets(p, given) || !set_record_header(given)) return false;
    }
    return true;
}

bool cipher::get(OSSL_PARAM* params) {
    if (!tell(params, OSSL_CIPHER_PARAM_KEYLEN, by_.key_size) || !tell(params, OSSL_CIPHER_PARAM_IVLEN, nonce_size) ||
        !tell(params, OSSL_CIPHER_PARAM_AEAD_TAGLEN, tag_size) ||
        !tell(params, OSSL_CIPHER_PARAM_AEAD_TLS1_AAD_PAD, tag_size))
        return false;
    auto* p = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_AEAD_TAG);
    if (p == nullptr) return true;
    return encrypts_ && has_tag_ && p->data_size <= tag_size &&
           OSSL_PARAM_set_octet_string(p, tag_.data(), p->data_size) == 1;
}

// ---- Records of TLS 1.2 (RFC 5288 section 3): nonce, message and tag in one place

/// The rest of a nonce counts from a number that nobody can foretell.
bool cipher::set_fixed_nonce(bytes fixed) {
    if (fixed.size() != fixed_nonce) return false;
    std::ranges::copy(fixed, nonce_.begin());
    if (encrypts_ && RAND_bytes(nonce_.data() + fixed_nonce, explicit_nonce) != 1) return false;
    return counts_nonces_ = true;
}

/// OpenSSL's names the record's length with all that is not message.
bool cipher::set_record_header(bytes header) {
    const std::size_t around = explicit_nonce + (encrypts_ ? 0 : tag_size);
    if (header.size() != most_associated || !counts_nonces_) return false;
    const std::size_t size = std::size_t{header[most_associated - 2]} << 8U | header[most_associated - 1];
    if (size < around) return false;
    std::ranges::copy(header, associated_.begin());
    associated_[most_associated - 2] = static_cast<unsigned char>((size - around) >> 8U);
    associated_[most_associated - 1] = static_cast<unsigned char>(size - around);
    associated_size_ = most_associated;
    return next_is_record_ = true;
}

bool cipher::record(unsigned char* message, std::size_t size, std::size_t* count) {
    next_is_record_ = false;
    if (size < explicit_nonce + tag_size) return false;
    const std::span own(nonce_.data() + fixed_nonce, explicit_nonce);
    if (encrypts_)
        std::ranges::copy(own, message);
    else
        std::ranges::copy(bytes(message, explicit_nonce), own.begin());
    has_nonce_ = true;
    if (!use_nonce()) return false;
    message += explicit_nonce;
    const auto inside = size - explicit_nonce - tag_size;
    (encrypts_ ? by_.encrypt : by_.decrypt)(&key_, &state_, message, message, inside);
    if (!end(message + inside)) {
        OPENSSL_cleanse(message, inside);
        return false;
    }
    if (encrypts_) count_up();
    *count = encrypts_ ? size : inside;
    return true;
}

void cipher::count_up() {
    for (auto at = nonce_.rbegin(); at != nonce_.rbegin() + explicit_nonce && ++*at == 0; ++at) {
    }
}

// ---- The provider, as OpenSSL calls it (provider-cipher(7))

cipher& of(void* context) { return *static_cast<cipher*>(context); }

template <const routines& (*Which)()>
void* make(void*) {
    return new (std::nothrow) cipher(Which());
}

void discard(void* context) { delete static_cast<cipher*>(context); }

template <bool Encrypts>
int init(void* context, const unsigned char* key, std::size_t key_size, const unsigned char* nonce, std::size_t size,
         const OSSL_PARAM* params) {
    const bytes no_bytes;
    return of(context).init(Encrypts, key == nullptr ? no_bytes : bytes(key, key_size),
                            nonce == nullptr ? no_bytes : bytes(nonce, size), params)
               ? 1
               : 0;
}

int update(void* context, unsigned char* out, std::size_t* count, std::size_t room, const unsigned char* in,
           std::size_t size) {
    return (out == nullptr || room >= size) && of(context).update(out, count, {in, size}) ? 1 : 0;
}

int finish(void* context, unsigned char*, std::size_t* count, std::size_t) {
    *count = 0;
    return of(context).finish() ? 1 : 0;
}

int set(void* context, const OSSL_PARAM* params) { return of(context).set(params) ? 1 : 0; }
int get(void* context, OSSL_PARAM* params) { return of(context).get(params) ? 1 : 0; }

template <const routines& (*Which)()>
int describe(OSSL_PARAM* params) {
    const auto yes = [params](const char* name) {
        auto* p = OSSL_PARAM_locate(params, name);
        return p == nullptr || OSSL_PARAM_set_int(p, 1) == 1;
    };
    auto* mode = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_MODE);
    return tell(params, OSSL_CIPHER_PARAM_KEYLEN, Which().key_size) && tell(params, OSSL_CIPHER_PARAM_IVLEN, nonce_size) &&
                   tell(params, OSSL_CIPHER_PARAM_BLOCK_SIZE, 1) && yes(OSSL_CIPHER_PARAM_AEAD) &&
                   yes(OSSL_CIPHER_PARAM_CUSTOM_IV) && (mode == nullptr || OSSL_PARAM_set_uint(mode, EVP_CIPH_GCM_MODE) == 1)
               ? 1
               : 0;
}

template <class F>
auto function(F* f) {
    return reinterpret_cast<void (*)()>(f);
}

template <const routines& (*Which)()>
const OSSL_DISPATCH* functions() {
    static const std::array<OSSL_DISPATCH, 10> all{{{OSSL_FUNC_CIPHER_NEWCTX, function(make<Which>)},
                                                    {OSSL_FUNC_CIPHER_FREECTX, function(discard)},
                                                    {OSSL_FUNC_CIPHER_ENCRYPT_INIT, function(init<true>)},
                                                    {OSSL_FUNC_CIPHER_DECRYPT_INIT, function(init<false>)},
                                                    {OSSL_FUNC_CIPHER_UPDATE, function(update)},
                                                    {OSSL_FUNC_CIPHER_FINAL, function(finish)},
                                                    {OSSL_FUNC_CIPHER_GET_PARAMS, function(describe<Which>)},
                                                    {OSSL_FUNC_CIPHER_GET_CTX_PARAMS, function(get)},
                                                    {OSSL_FUNC_CIPHER_SET_CTX_PARAMS, function(set)},
                                                    {0, nullptr}}};
    return all.data();
}

const OSSL_ALGORITHM* offer(void*, int operation, int* never_keep) {
    static const std::array<OSSL_ALGORITHM, 3> ciphers{
        {{"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", "provider=sallyport", functions<routines_128>(), nullptr},
         {"AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", "provider=sallyport", functions<routines_256>(), nullptr},
         {nullptr, nullptr, nullptr, nullptr}}};
    *never_keep = 0;
    return operation == OSSL_OP_CIPHER ? ciphers.data() : nullptr;
}

int begin(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
    static const std::array<OSSL_DISPATCH, 2> calls{{{OSSL_FUNC_PROVIDER_QUERY_OPERATION, function(offer)}, {0, nullptr}}};
    *out = calls.data();
    *context = nullptr;
    return 1;
}

/// Beside OpenSSL's own providers, which go on doing all the rest.
const OSSL_PROVIDER* load() {
    if (library() == nullptr || OSSL_PROVIDER_add_builtin(nullptr, "sallyport", begin) != 1) return nullptr;
    return OSSL_PROVIDER_try_load(nullptr, "sallyport", 1);
}

}  // namespace

const char* fastest_ciphers() {
    static const auto* loaded = load();  // ours as long as the process lasts
    return loaded != nullptr ? "?provider=sallyport" : nullptr;
}

}  // namespace sallyport::net

#else

const char* sallyport::net::fastest_ciphers() { return nullptr; }

#endif
