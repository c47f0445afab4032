#pragma once
// The client's end of one data connection, whichever side opens it. Used on the session's loop.
//
// Active mode takes only the control connection's peer (DC-03). Under TLS the connection resumes the control connection's
// session and must show the same certificate (TLS-04, TLS-08).

#include <chrono>
#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::client {

/// What a protected data connection has to prove.
struct data_protection {
    net::tls_client_context context;
    std::string server_name;
    net::tls_session resume;
    std::optional<std::string> fingerprint;  // of the control connection's certificate; nothing: any that is trusted
};

class data_connection {
public:
    explicit data_connection(net::loop& l) : loop_(&l) {}

    /// From the control connection's own address.
    net::task<result<void>> connect(ip_address from, endpoint to, net::time_limit limit);

    /// Listens at `at` on a port of `range`, {0, 0} for any.
    [[nodiscard]] result<endpoint> listen(const ip_address& address, port_range range);
    /// The first connection from `peer`; others are closed and don't count.
    net::task<result<void>> accept(ip_address peer, net::time_limit limit);

    net::task<result<void>> protect(data_protection how, net::time_limit limit);

    [[nodiscard]] net::stream& stream() noexcept { return stream_; }
    /// Closes what is open, so that the other side doesn't take it for a proper end.
    void abort() noexcept;
    void close() noexcept;

private:
    net::loop* loop_;
    net::stream stream_;
    std::optional<net::listener> listener_;
};

}  // namespace sallyport::client
