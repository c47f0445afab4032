#pragma once
// Who may see the page: requests for a name that is not this host's are refused (DNS rebinding), requests that another site
// causes too, and what remains needs the password.
//
// Wrong passwords count as failed logins of FTP do, with the same penalties for the address (frontend/admission.hpp), here
// also for loopback addresses. A password is checked once: after that, a keyed hash of it is compared.
//
// Owned by the page through a shared pointer; used on its loop. What it refers to must outlive it.

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/frontend/frontend.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/ops/http_message.hpp>

namespace sallyport::ops {

/// Whether this is the password. Slow, so it is called on a thread of a pool. An error: it cannot be checked now.
using password_check = std::function<result<bool>(std::string_view password)>;

/// The refusal of a request that has another name than this host's, or that another site causes; nothing if there is none.
/// Permitted are "localhost", loopback addresses, and the address that the client has connected to, with any port.
[[nodiscard]] std::optional<http_answer> refuse_origin(const http_request& asked);

/// The password of "Basic BASE64"; nothing if it is no such text.
[[nodiscard]] std::optional<std::string> password_of(std::string_view authorization);

class page_access {
public:
    page_access(net::loop& loop, net::worker_pool& pool, frontend::frontend& sessions, password_check accepts);

    /// The refusal of a request without the right password; nothing if the client may see the page.
    [[nodiscard]] static net::task<std::optional<http_answer>> refuse(std::shared_ptr<page_access> self, http_request asked);

private:
    static constexpr std::size_t hash_size = 32;
    using password_hash = std::array<unsigned char, hash_size>;
    enum class verdict : std::uint8_t { accepted, wrong, penalized, unknown };

    [[nodiscard]] verdict check(const std::string& password, const std::optional<ip_address>& from);
    [[nodiscard]] password_hash hash_of(const std::string& password) const;

    net::loop& loop_;
    // Checks one password at a time.
    net::worker_pool& pool_;
    frontend::frontend& sessions_;
    const password_check accepts_;
    password_hash key_{};
    // Of the password that was accepted. Used on the threads of the pool.
    std::mutex mutex_;
    std::optional<password_hash> accepted_;
};

}  // namespace sallyport::ops
