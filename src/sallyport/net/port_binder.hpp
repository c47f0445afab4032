#pragma once
// Binds listening sockets to ports below 1024 in a process that may not.
//
// A daemon that has given up its rights asks its helper process (helper/client.hpp). Any thread, except for
// set_port_binder(), which is called once before any thread is started; the function and what it refers to live as long as
// the process.

#include <functional>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::net {

/// Sets the function that binds a socket if the system refuses this process the port.
void set_port_binder(std::function<result<void>(int socket, const endpoint& at)> binder);

/// Binds the socket; errno is set on failure.
[[nodiscard]] bool bind_port(int socket, const endpoint& at);

}  // namespace sallyport::net
