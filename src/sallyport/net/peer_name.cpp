// Reads the names in a peer's certificate.

#include <algorithm>
#include <memory>

#include <openssl/x509v3.h>
#include <sallyport/base/ascii.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/tls_engine.hpp>

namespace sallyport::net {
namespace {

/// Returns nothing for a name with control characters: two programs may read a name with a NUL differently (TLS-08).
std::optional<std::string> as_name(const ASN1_STRING* text) {
    unsigned char* utf8 = nullptr;
    const int size = text == nullptr ? -1 : ASN1_STRING_to_UTF8(&utf8, text);
    if (size < 0) return std::nullopt;
    std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    if (name.empty() || std::ranges::any_of(name, is_control)) return std::nullopt;
    return name;
}

std::optional<std::string> common_name(const X509& certificate) {
    const auto* subject = X509_get_subject_name(&certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    return at < 0 ? std::nullopt : as_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::optional<std::string> alternative_name(const X509& certificate, int kind) {
    const std::unique_ptr<GENERAL_NAMES, openssl_delete<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < (names ? sk_GENERAL_NAME_num(names.get()) : 0); ++i) {
        const auto* one = sk_GENERAL_NAME_value(names.get(), i);
        // Mail addresses and host names are both stored as IA5 strings.
        if (one->type == kind) return as_name(one->d.ia5);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> tls_engine::peer_name(certificate_field field) const {
    const auto* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return std::nullopt;
    std::optional<std::string> name;
    switch (field) {
        case certificate_field::common_name: name = common_name(*certificate); break;
        case certificate_field::email: name = alternative_name(*certificate, GEN_EMAIL); break;
        case certificate_field::dns: name = alternative_name(*certificate, GEN_DNS); break;
    }
    return name ? name : std::string();
}

}  // namespace sallyport::net
