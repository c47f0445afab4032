#include <ctime>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sallyport/base/address.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::net {
namespace {

constexpr long day = 24 * 60 * 60;

bool add_extension(X509& certificate, int id, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, openssl_delete<X509_EXTENSION_free>> made(
        X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
    return made && X509_add_ext(&certificate, made.get(), -1) == 1;
}

// A comma or a line break would start another entry in the text of the extension.
bool fits_extension(const std::string& name) {
    return !name.empty() && name.find_first_of(",;:\n\r \\") == std::string::npos;
}

bool set_random_serial(X509& certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
    // Positive (RFC 5280 section 4.1.2.2).
    bytes[0] &= 0x7fU;
    const std::unique_ptr<BIGNUM, openssl_delete<BN_free>> number(
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

// Valid from yesterday, as clients' clocks may be slow.
bool fill(X509& certificate, EVP_PKEY& key, const std::string& common_name, const std::string& alternatives, int days) {
    auto* subject = X509_get_subject_name(&certificate);
    const auto* name = reinterpret_cast<const unsigned char*>(common_name.c_str());
    return X509_set_version(&certificate, X509_VERSION_3) == 1 && set_random_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(&certificate), -day) != nullptr &&
           X509_gmtime_adj(X509_getm_notAfter(&certificate), day * days) != nullptr &&
           X509_set_pubkey(&certificate, &key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(&certificate, subject) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(certificate, NID_subject_alt_name, alternatives) &&
           X509_sign(&certificate, &key, EVP_sha256()) != 0;
}

std::string text_of(BIO& memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(&memory, &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace

result<self_signed> make_self_signed(const std::vector<std::string>& names, int days) {
    if (names.empty()) return fail(errc::misuse, "a certificate needs a name");
    std::string alternatives;
    for (const auto& each : names) {
        const bool is_address = ip_address::parse(each).has_value();
        if (!is_address && !fits_extension(each))
            return fail(errc::name_invalid, fmt::format("\"{}\" cannot be a certificate's name", each));
        alternatives += fmt::format("{}{}:{}", alternatives.empty() ? "" : ",", is_address ? "IP" : "DNS", each);
    }
    const key_ptr key(EVP_EC_gen("P-256"));
    const x509_ptr certificate(X509_new());
    // A common name has at most 64 bytes (RFC 5280, ub-common-name); clients use the names in the extension.
    const auto common_name = names.front().substr(0, 64);
    if (!key || !certificate || !fill(*certificate, *key, common_name, alternatives, days)) {
        return fail(errc::tls, "cannot make a certificate: " + openssl_reason());
    }
    const bio_ptr certificate_text(BIO_new(BIO_s_mem()));
    const bio_ptr key_text(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
        PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return fail(errc::tls, "cannot write a certificate: " + openssl_reason());
    }
    return self_signed{text_of(*certificate_text), text_of(*key_text)};
}

}  // namespace sallyport::net
