#pragma once
// Helpers for OpenSSL: smart pointers that own its objects, and its error texts. For use inside net only; any thread.

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace sallyport::net {

template <auto Free>
struct openssl_delete {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using bio_ptr = std::unique_ptr<BIO, openssl_delete<BIO_free_all>>;
using x509_ptr = std::unique_ptr<X509, openssl_delete<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, openssl_delete<EVP_PKEY_free>>;

/// Calls `work` in a callback of OpenSSL, which an exception must not pass through. Returns `failed` after an exception.
template <class Result, class Work>
[[nodiscard]] Result without_exception(Result failed, Work work) noexcept {
    try {
        return work();
    } catch (...) {
        return failed;
    }
}

/// OpenSSL's text for its last error on this thread. Clears its error queue.
[[nodiscard]] std::string openssl_reason();

/// SHA-256, "AB:CD:...".
[[nodiscard]] std::string certificate_fingerprint(const X509& certificate);

/// SHA-256 of the public key, as curl writes it: "sha256//" and 44 characters of base64. It stays the same when a
/// certificate is renewed with its key.
[[nodiscard]] std::string public_key_pin(const X509& certificate);

}  // namespace sallyport::net
