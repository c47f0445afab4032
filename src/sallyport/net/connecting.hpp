#pragma once
// net::connect() with a socket that another process has made, and its two steps by themselves, for a connection that another
// process starts.
//
// The caller owns the socket until finish_connect() takes it. On the thread of the loop, which must outlive the stream.

#include <functional>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::net {

/// A socket for a connection to this address, with the options of all streams.
[[nodiscard]] result<unique_fd> stream_socket(const ip_address& to);

/// Connects this socket, which is bound already. `on_local`: see connect_options.
[[nodiscard]] task<result<stream>> connect_socket(loop& l, unique_fd socket, endpoint to,
                                                  std::function<void(const endpoint& local)> on_local, time_limit limit);

/// The address of this machine that a connection to `to` would have; the error says why there is no route.
[[nodiscard]] result<ip_address> own_address_for(const ip_address& to);

/// Waits until the connection to `to`, which connect(2) has started on `socket`, is established.
[[nodiscard]] task<result<stream>> finish_connect(loop& l, unique_fd socket, endpoint to, time_limit limit);

}  // namespace sallyport::net
