#include <sallyport/net/certificate_file.hpp>

#include <array>
#include <cerrno>
#include <ctime>
#include <memory>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <sallyport/base/address.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/pem_files.hpp>

namespace sallyport::net {
namespace {

std::string text_of(const ASN1_STRING& text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(&text)),
            static_cast<std::size_t>(ASN1_STRING_length(&text))};
}

std::string address_of(const ASN1_STRING& bytes) {
    const auto* data = ASN1_STRING_get0_data(&bytes);
    std::array<std::uint8_t, 4> v4{};
    std::array<std::uint8_t, 16> v6{};
    if (ASN1_STRING_length(&bytes) == 4) {
        std::copy_n(data, v4.size(), v4.begin());
        return ip_address::v4(v4).text();
    }
    if (ASN1_STRING_length(&bytes) != 16) return {};
    std::copy_n(data, v6.size(), v6.begin());
    return ip_address::v6(v6).text();
}

std::vector<std::string> names_of(const X509& certificate) {
    std::vector<std::string> out;
    const std::unique_ptr<GENERAL_NAMES, openssl_delete<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < (names ? sk_GENERAL_NAME_num(names.get()) : 0); ++i) {
        const auto* one = sk_GENERAL_NAME_value(names.get(), i);
        if (one->type == GEN_DNS) out.push_back(text_of(*one->d.dNSName));
        if (one->type == GEN_IPADD) out.push_back(address_of(*one->d.iPAddress));
    }
    if (!out.empty()) return out;
    const auto* subject = X509_get_subject_name(&certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0) out.push_back(text_of(*X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    return out;
}

}  // namespace

result<certificate_facts> read_certificate(const std::string& file) {
    ERR_clear_error();
    const auto text = read_pem_file(file, "certificate");
    if (!text) return std::unexpected(text.error());
    const auto reader = reader_of(*text);
    const x509_ptr certificate(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (!certificate)
        return fail(errc::tls, fmt::format("file \"{}\" holds no certificate in PEM: {}", file, openssl_reason()));
    std::tm end{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
        return fail(errc::tls, fmt::format("file \"{}\": the certificate has no end", file));
    return certificate_facts{
        .names = names_of(*certificate), .not_after = ::timegm(&end), .fingerprint = certificate_fingerprint(*certificate)};
}

}  // namespace sallyport::net
