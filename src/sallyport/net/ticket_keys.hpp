#pragma once
// The keys that encrypt a server's TLS session tickets (RFC 5077 section 4), changed every limits::ticket_key_lifetime
// (TLS-12).
//
// Owned by a server context. Each connection holds the key that was current when it was accepted, and each key holds the
// next one. So a key lives, and its tickets can be resumed, as long as a connection that may have got a ticket with it, on
// itself or on its data connections. Then the key is wiped. Any thread.

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

struct ssl_ctx_st;

namespace sallyport::net {

class ticket_key;
using ticket_key_ptr = std::shared_ptr<ticket_key>;

class ticket_keys {
public:
    using clock = std::chrono::steady_clock;
    // The key name at the start of each ticket, unencrypted.
    static constexpr std::size_t name_size = 16;

    /// The key for new tickets. Empty if the system returns no random numbers.
    [[nodiscard]] ticket_key_ptr current(clock::time_point now);
    /// The key with this name. Empty if it does not exist any more.
    [[nodiscard]] ticket_key_ptr find(std::span<const std::uint8_t, name_size> name) const;

private:
    mutable std::mutex mutex_;
    ticket_key_ptr current_;
    clock::time_point renew_at_{};
    std::vector<std::weak_ptr<ticket_key>> older_;
};

/// Makes a context encrypt and decrypt its tickets with the keys of its tls_resumption.
[[nodiscard]] bool use_ticket_keys(ssl_ctx_st* context);

}  // namespace sallyport::net
