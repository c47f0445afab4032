#pragma once
// Connects to several addresses of a host, of which the first one that answers counts (RFC 8305): the caller starts one
// attempt after the other, with pauses, and ends the others once there is a connection.
//
// Shared by the caller and by its attempts; on the thread of the loop, which outlives it.

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::client {

/// Which addresses of a host are used.
enum class ip_version : std::uint8_t { any, ipv4, ipv6 };

/// In the order of attempts: as they are, but of both families in turn (RFC 8305, section 4).
[[nodiscard]] std::vector<ip_address> attempt_order(const std::vector<ip_address>& addresses, ip_version wanted);

class address_race : public std::enable_shared_from_this<address_race> {
public:
    explicit address_race(net::loop& l) : loop_(l), changed_(l) {}

    /// `on_local`: see net::connect_options; called before this returns.
    void start(unique_fd socket, endpoint to, const std::function<void(const endpoint& local)>& on_local,
               net::time_limit limit);
    /// Waits until an attempt has ended, or until this time.
    net::task<> wait(net::deadline until);
    [[nodiscard]] bool is_running() const noexcept { return !sockets_.empty(); }
    /// The first connection.
    [[nodiscard]] std::optional<net::stream>& connected() noexcept { return connected_; }
    /// Why attempts have failed since the last call.
    [[nodiscard]] std::vector<error> take_failures() { return std::exchange(failures_, {}); }
    /// Ends the attempts that are running.
    void end();

private:
    static net::task<> finish(std::shared_ptr<address_race> self, unique_fd socket, endpoint to, net::time_limit limit);

    net::loop& loop_;
    net::event changed_;
    // Of the attempts that are running, which own them.
    std::vector<int> sockets_;
    std::optional<net::stream> connected_;
    std::vector<error> failures_;
    bool ended_ = false;
};

}  // namespace sallyport::client
