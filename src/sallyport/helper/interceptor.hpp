#pragma once
// Interception by request: the transparent listeners of the gateway, the rules that deliver connections to them, and the
// sockets of its backend legs.
//
// Owned by the helper process; the thread of requests. pass_ports() and end_passing() are called on the thread for passed
// ports instead, since the kernel may let their changes wait.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/interception_table.hpp>
#include <sallyport/helper/serve.hpp>

namespace sallyport::helper {

class interceptor {
public:
    /// Without interceptions, all requests are refused.
    explicit interceptor(firewall::interception_settings permitted) : settings_(std::move(permitted)) {}

    interceptor(const interceptor&) = delete;
    interceptor& operator=(const interceptor&) = delete;
    ~interceptor();

    /// A listening socket with IP_TRANSPARENT for the interception with this number; one for each family.
    [[nodiscard]] answer listen(std::size_t number, bool v4);
    /// From now on the kernel delivers the connections to these sockets, until this is destroyed.
    [[nodiscard]] answer start();
    /// The client of an intercepted session may connect to the ports of its server that the interception with this number
    /// passes, until end_passing() with the number in the reply.
    [[nodiscard]] answer pass_ports(std::size_t interception, int client, int backend);
    /// After a refusal by the kernel the ports are still passed, and the caller may ask again.
    [[nodiscard]] answer end_passing(std::uint32_t number);
    /// Whether packets have passed on such a connection of the session since the last call.
    [[nodiscard]] answer passed_data_moved(std::uint32_t number);
    /// How many intercepted connection requests the firewall of this machine has dropped.
    [[nodiscard]] answer dropped_requests() const;
    /// The gateway ends in good order: what blocks connections while no gateway runs is removed with the rest.
    [[nodiscard]] answer end();
    /// A socket with the address of the client of an intercepted connection, and another port.
    [[nodiscard]] answer client_socket(int control) const;
    /// What NAT on this machine has made of the connection's source address.
    [[nodiscard]] answer translation_of(int backend);

private:
    struct passing_session {
        std::size_t interception = 0;
        ip_address client;
        ip_address server;
        friend bool operator==(const passing_session&, const passing_session&) = default;
    };
    struct passed_session {
        passing_session peers;
        // When the kernel would have forgotten the last of its data connections, at the last passed_data_moved().
        std::optional<std::chrono::steady_clock::time_point> data_expiry{};
    };

    [[nodiscard]] std::ptrdiff_t sessions_with(const passing_session& peers) const;

    firewall::interception_settings settings_;
    std::unique_ptr<firewall::interception_table> table_;
    std::optional<firewall::conntrack> tracking_;
    bool ended_ = false;
    // The table once it has started, for the thread for passed ports. The settings do not change from then on.
    std::atomic<firewall::interception_table*> started_ = nullptr;
    // Those of the thread for passed ports. By the number in the reply; several sessions may have the same peers.
    std::map<std::uint32_t, passed_session> passing_;
    std::uint32_t last_passing_ = 0;
    std::optional<firewall::conntrack> passing_tracking_;
};

}  // namespace sallyport::helper
