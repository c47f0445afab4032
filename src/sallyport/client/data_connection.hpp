#pragma once
// The client's end of one data connection, in active or passive mode. A value that its connection owns; used on the
// thread of the session's loop.
//
// In active mode it accepts connections of the control connection's peer only (DC-03). With TLS it resumes the control
// connection's TLS session and requires the same certificate (TLS-04, TLS-08).

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

/// TLS requirements of a data connection.
struct data_protection {
    net::tls_client_context context;
    std::string server_name;
    net::tls_session resume;
    /// Of the control connection's certificate; nothing: any trusted certificate will do.
    std::optional<std::string> fingerprint;
};

class data_connection {
public:
    explicit data_connection(net::loop& l) : loop_(&l) {}

    /// Connects from the control connection's local address. `max_segment`: see connection_options.
    net::task<result<void>> connect(ip_address from, endpoint to, int max_segment, net::time_limit limit);

    /// Listens at `address` on a port of `range`; {0, 0} is any free port.
    [[nodiscard]] result<endpoint> listen(const ip_address& address, port_range range);
    /// Accepts the first connection from `peer`; connections of other hosts are closed.
    net::task<result<void>> accept(ip_address peer, net::time_limit limit);

    net::task<result<void>> protect(data_protection how, net::time_limit limit);

    [[nodiscard]] net::stream& stream() noexcept { return stream_; }
    /// Closes the connection with RST, so that the peer does not take it for the end of the data.
    void abort() noexcept;
    void close() noexcept;

private:
    net::loop* loop_;
    net::stream stream_;
    std::optional<net::listener> listener_;
};

}  // namespace sallyport::client
