#pragma once
// The steps of net::connect() by themselves: for a socket that another process has made, for a connection that it has
// started, and for several attempts at a time.
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

/// Gives a socket that another process has made what stream_socket() gives.
[[nodiscard]] result<void> prepare_stream_socket(int socket, const ip_address& to);

/// Connects this socket, which is bound already. `on_local`: see connect_options.
[[nodiscard]] task<result<stream>> connect_socket(loop& l, unique_fd socket, endpoint to,
                                                  std::function<void(const endpoint& local)> on_local, time_limit limit);

/// The address of this machine that a connection to `to` would have; the error says why there is no route.
[[nodiscard]] result<ip_address> own_address_for(const ip_address& to);

/// Starts to connect this socket; finish_connect() waits for the end. `on_local` is called before this returns.
[[nodiscard]] result<void> start_connect(int socket, const endpoint& to,
                                         const std::function<void(const endpoint& local)>& on_local);

/// Waits until the connection to `to`, which connect(2) has started on `socket`, is established.
[[nodiscard]] task<result<stream>> finish_connect(loop& l, unique_fd socket, endpoint to, time_limit limit);

}  // namespace sallyport::net
