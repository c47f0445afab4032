#pragma once
// Leads a connection with a proxy on to its destination. The caller owns the connection; on the thread of its loop.

#include <sallyport/base/error.hpp>
#include <sallyport/client/proxy.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::client {

/// `connection` is one with the proxy, without TLS, and must outlive the call; it leads to `to` afterwards. Errors name the
/// proxy and what failed; their codes are those of the dialogues (socks5.hpp), of the connection, and errc::timeout.
[[nodiscard]] net::task<result<void>> pass_proxy(net::stream& connection, proxy_server proxy, proxy_destination to,
                                                 net::time_limit limit);

}  // namespace sallyport::client
