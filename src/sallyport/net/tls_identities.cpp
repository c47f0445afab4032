#include <sallyport/net/tls_identities.hpp>

#include <algorithm>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <sallyport/base/address.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/open_file.hpp>
#include <sallyport/net/certificate_end.hpp>
#include <sallyport/net/openssl.hpp>
#include <sallyport/net/pem_files.hpp>
#include <sallyport/net/signature_time.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/net/tls_engine.hpp>

namespace sallyport::net {

struct tls_identity {
    struct free_chain {
        void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_pop_free(chain, X509_free); }
    };
    x509_ptr certificate;
    std::unique_ptr<STACK_OF(X509), free_chain> issuers;
    key_ptr key;
    // One signature takes longer than limits::max_signature_on_loop.
    bool slow_key = false;

    /// Of a host name or an address. Wildcards are accepted only as complete labels.
    [[nodiscard]] bool is_for(std::string_view name) const {
        if (ip_address::parse(name)) return X509_check_ip_asc(certificate.get(), std::string(name).c_str(), 0) == 1;
        return X509_check_host(certificate.get(), name.data(), name.size(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) ==
               1;
    }
};

namespace {

using identities_share = std::shared_ptr<tls_identities>;

using identity_ptr = std::shared_ptr<const tls_identity>;

// A key with a passphrase is refused, instead of waiting for the passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

bool read_chain(tls_identity& into, std::string_view pem) {
    const auto reader = reader_of(pem);
    into.certificate.reset(PEM_read_bio_X509(reader.get(), nullptr, no_passphrase, nullptr));
    into.issuers.reset(sk_X509_new_null());
    if (!into.certificate || !into.issuers) return false;
    while (x509_ptr issuer{PEM_read_bio_X509(reader.get(), nullptr, no_passphrase, nullptr)}) {
        if (sk_X509_push(into.issuers.get(), issuer.get()) == 0) return false;
        // Owned by the chain now.
        static_cast<void>(issuer.release());
    }
    // The end of the text is no error.
    ERR_clear_error();
    return true;
}

result<identity_ptr> read_identity(std::string_view certificate, std::string_view key) {
    ERR_clear_error();
    auto made = std::make_shared<tls_identity>();
    if (!read_chain(*made, certificate))
        return fail(errc::tls, "invalid certificate; PEM text is required: " + openssl_reason());
    const auto reader = reader_of(key);
    made->key.reset(PEM_read_bio_PrivateKey(reader.get(), nullptr, no_passphrase, nullptr));
    if (!made->key)
        return fail(errc::tls, "invalid private key; PEM text without a passphrase is required: " + openssl_reason());
    if (X509_check_private_key(made->certificate.get(), made->key.get()) != 1)
        return fail(errc::tls, "the private key does not belong to the certificate: " + openssl_reason());
    made->slow_key = signature_time(*made->key) > limits::max_signature_on_loop;
    return made;
}

const std::string& key_file(const tls_files& files) { return files.key.empty() ? files.certificate : files.key; }

result<identity_ptr> read_identity(const tls_files& files) {
    const auto certificate = read_pem_file(files.certificate, "certificate");
    if (!certificate) return std::unexpected(certificate.error());
    const auto key = read_pem_file(key_file(files), "key");
    if (!key) return std::unexpected(key.error());
    auto made = read_identity(*certificate, *key);
    if (!made) made.error().what += fmt::format(" (files \"{}\" and \"{}\")", files.certificate, key_file(files));
    return made;
}

/// A text that differs for each state of a file, also if a link now points to another file.
std::string file_state_of(const std::string& path) {
    struct ::stat s{};
    if (::stat(path.c_str(), &s) != 0) {
        // In a directory that is closed to this process.
        const auto opened = open_file(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (!opened || ::fstat(opened->get(), &s) != 0) return "-;";
    }
    return fmt::format("{},{},{},{}.{};", s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

std::string file_state_of(const std::vector<tls_files>& files) {
    std::string all;
    for (const auto& each : files) all += file_state_of(each.certificate) + file_state_of(key_file(each));
    return all;
}

}  // namespace

result<void> tls_identities::use_for_client(ssl_ctx_st* context, const tls_files& files) {
    const auto one = read_identity(files);
    if (!one) return std::unexpected(one.error());
    const auto& identity = **one;
    if (SSL_CTX_use_cert_and_key(context, identity.certificate.get(), identity.key.get(), identity.issuers.get(), 1) != 1)
        return fail(errc::tls, fmt::format("cannot use the certificate \"{}\" with the key \"{}\": {}", files.certificate,
                                           key_file(files), openssl_reason()));
    return {};
}

result<std::shared_ptr<tls_identities>> tls_identities::from_files(std::vector<tls_files> files) {
    if (files.empty()) return fail(errc::misuse, "TLS: no certificate");
    auto made = std::make_shared<tls_identities>();
    made->files_ = std::move(files);
    made->last_state_ = file_state_of(made->files_);
    auto loaded = made->load();
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    made->current_ = std::make_shared<const list>(std::move(*loaded));
    return made;
}

result<std::shared_ptr<tls_identities>> tls_identities::from_pem(std::string_view certificate, std::string_view key) {
    auto one = read_identity(certificate, key);
    if (!one) return std::unexpected(std::move(one.error()));
    auto made = std::make_shared<tls_identities>();
    made->current_ = std::make_shared<const list>(list{std::move(*one)});
    return made;
}

result<tls_identities::list> tls_identities::load() const {
    list all;
    for (const auto& each : files_) {
        auto made = read_identity(each);
        if (!made) return std::unexpected(std::move(made.error()));
        all.push_back(std::move(*made));
    }
    return all;
}

result<bool> tls_identities::reload() {
    const auto now = file_state_of(files_);
    if (now == last_state_) return false;
    // Also on failure: an invalid file is reported once, and read again when it changes.
    last_state_ = now;
    auto loaded = load();
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    auto next = std::make_shared<const list>(std::move(*loaded));
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
    return true;
}

std::shared_ptr<const tls_identities::list> tls_identities::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

bool tls_identities::has_one_for(std::string_view name) const {
    return std::ranges::any_of(*current(), [&](const identity_ptr& one) { return one->is_for(name); });
}

std::string tls_identities::fingerprint() const { return certificate_fingerprint(*current()->front()->certificate); }

std::optional<std::int64_t> tls_identities::first_end() const {
    std::optional<std::int64_t> out;
    for (const auto& one : *current()) {
        std::tm end{};
        if (ASN1_TIME_to_tm(X509_get0_notAfter(one->certificate.get()), &end) != 1) continue;
        const std::int64_t at = ::timegm(&end);
        out = out ? std::min(*out, at) : at;
    }
    return out;
}

std::optional<std::int64_t> first_certificate_end(const tls_server_context& context) {
    const auto identities = tls_identities::of(context.get());
    return identities ? identities->first_end() : std::nullopt;
}

int tls_identities::index() {
    static const int index = SSL_CTX_get_ex_new_index(
        0, nullptr, nullptr, nullptr,
        [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<identities_share*>(held); });
    return index;
}

std::shared_ptr<const tls_identities> tls_identities::of(const ssl_ctx_st* context) {
    const auto* const held = static_cast<const identities_share*>(SSL_CTX_get_ex_data(context, index()));
    return held == nullptr ? nullptr : *held;
}

// OpenSSL's context may outlive the server context in connections that are still open, so it shares ownership.
bool tls_identities::attach_to(ssl_ctx_st* context) {
    auto held = std::make_unique<identities_share>(shared_from_this());
    if (SSL_CTX_set_ex_data(context, index(), held.get()) != 1) return false;
    // Owned by the context now.
    static_cast<void>(held.release());
    SSL_CTX_set_cert_cb(context, choose, this);
    return true;
}

int tls_identities::choose(ssl_st* handshake, void* self) {
    const auto all = static_cast<tls_identities*>(self)->current();
    const auto* engine = static_cast<const tls_engine*>(SSL_get_app_data(handshake));
    const char* requested = SSL_get_servername(handshake, TLSEXT_NAMETYPE_host_name);
    std::string name = requested != nullptr ? requested : std::string();
    if (name.empty() && all->size() > 1 && engine != nullptr) name = local_endpoint(engine->socket()).address.text();
    const auto found =
        std::ranges::find_if(*all, [&](const identity_ptr& one) { return !name.empty() && one->is_for(name); });
    const tls_identity* const chosen = (found != all->end() ? *found : all->front()).get();
    // -1 suspends the handshake.
    if (engine != nullptr && !engine->continues_with(chosen->slow_key)) return -1;
    return SSL_use_cert_and_key(handshake, chosen->certificate.get(), chosen->key.get(), chosen->issuers.get(), 1);
}

}  // namespace sallyport::net
