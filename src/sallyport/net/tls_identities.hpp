#pragma once
// The certificates that a server context presents: which one for which server name (RFC 6066 section 3), and how they are
// read again when their files change. Inside net only.
//
// Shared by the context's copies and by OpenSSL's context itself. Choosing and replacing may happen on any thread.

#include <cstdint>
#include <memory>
#include <mutex>
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

    /// Has every handshake of this context ask here.
    [[nodiscard]] bool attach_to(ssl_ctx_st* context);
    [[nodiscard]] result<bool> reload();
    [[nodiscard]] std::string fingerprint() const;

private:
    using list = std::vector<std::shared_ptr<const tls_identity>>;

    static int choose(ssl_st* handshake, void* self);
    [[nodiscard]] result<list> load() const;
    [[nodiscard]] std::shared_ptr<const list> current() const;

    std::vector<tls_files> files_;
    std::string last_state_;  // what reload() last saw of the files
    mutable std::mutex mutex_;
    std::shared_ptr<const list> current_;
};

}  // namespace sallyport::net
