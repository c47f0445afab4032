#include <sallyport/net/pem_files.hpp>

#include <memory>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sallyport/base/small_file.hpp>

namespace sallyport::net {
namespace {

struct free_infos {
    void operator()(STACK_OF(X509_INFO) * all) const noexcept { sk_X509_INFO_pop_free(all, X509_INFO_free); }
};

/// Adds certificates and revocation lists; the number of certificates.
int add_to(SSL_CTX* context, const STACK_OF(X509_INFO) * all, bool announce) {
    auto* store = SSL_CTX_get_cert_store(context);
    int count = 0;
    for (int i = 0; i < sk_X509_INFO_num(all); ++i) {
        const auto* one = sk_X509_INFO_value(all, i);
        if (one->crl != nullptr) X509_STORE_add_crl(store, one->crl);
        if (one->x509 == nullptr || X509_STORE_add_cert(store, one->x509) != 1) continue;
        if (announce) SSL_CTX_add_client_CA(context, one->x509);
        ++count;
    }
    return count;
}

}  // namespace

bio_ptr reader_of(std::string_view text) { return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

result<std::string> read_pem_file(const std::string& path, std::string_view role) {
    auto text = read_small_file(path);
    if (!text && text.error().os != 0)
        text.error().what = fmt::format("cannot read the {} file \"{}\"", role, path);
    else if (!text)
        text.error().what = fmt::format("cannot read the {} file {}", role, text.error().what);
    return text;
}

result<void> trust_certificates_of(ssl_ctx_st* context, const std::string& path, bool announce) {
    ERR_clear_error();
    const auto text = read_pem_file(path, "CA certificate");
    if (!text) return std::unexpected(text.error());
    const auto reader = reader_of(*text);
    const std::unique_ptr<STACK_OF(X509_INFO), free_infos> all(
        PEM_X509_INFO_read_bio(reader.get(), nullptr, nullptr, nullptr));
    if (!all || add_to(context, all.get(), announce) == 0)
        return fail(errc::tls, fmt::format("file \"{}\" holds no CA certificate in PEM: {}", path, openssl_reason()));
    return {};
}

}  // namespace sallyport::net
