#pragma once
// The certificates of a server context: selects one by server name (RFC 6066 section 3), or by the address that the client
// has connected to if it requests no name, and rereads them when their files have changed. For use inside net only.
//
// Owned jointly by the copies of the context and by OpenSSL's context. Any thread may select a certificate or reload.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/tls.hpp>

struct ssl_st;

namespace sallyport::net {

struct tls_identity;

class tls_identities : public std::enable_shared_from_this<tls_identities> {
public:
    [[nodiscard]] static result<std::shared_ptr<tls_identities>> from_files(std::vector<tls_files> files);
    [[nodiscard]] static result<std::shared_ptr<tls_identities>> from_pem(std::string_view certificate,
                                                                          std::string_view key);

    /// Makes a client's context present the certificate of these files; they are read once.
    [[nodiscard]] static result<void> use_for_client(ssl_ctx_st* context, const tls_files& files);

    /// Makes all handshakes of this OpenSSL context select their certificate here.
    [[nodiscard]] bool attach_to(ssl_ctx_st* context);
    /// Those that are attached to it; null: none.
    [[nodiscard]] static std::shared_ptr<const tls_identities> of(const ssl_ctx_st* context);
    [[nodiscard]] result<bool> reload();
    [[nodiscard]] std::string fingerprint() const;
    /// Whether one is valid for this host name or address.
    [[nodiscard]] bool has_one_for(std::string_view name) const;
    /// When the first one expires, in seconds of Unix time; nothing if none has an end.
    [[nodiscard]] std::optional<std::int64_t> first_end() const;

private:
    using list = std::vector<std::shared_ptr<const tls_identity>>;

    static int choose(ssl_st* handshake, void* self);
    /// Of the place in an OpenSSL context.
    [[nodiscard]] static int index();
    [[nodiscard]] result<list> load() const;
    [[nodiscard]] std::shared_ptr<const list> current() const;

    std::vector<tls_files> files_;
    // The state of the files at the last reload().
    std::string last_state_;
    mutable std::mutex mutex_;
    std::shared_ptr<const list> current_;
};

}  // namespace sallyport::net
