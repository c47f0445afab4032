#pragma once
// Requests over HTTP to the router's UPnP: one connection each, within limits::upnp_request_timeout, and an answer of
// limits::max_upnp_answer bytes at most.
//
// Coroutines of one event loop, which must outlive them.

#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/upnp_messages.hpp>

namespace sallyport::reach {

/// `from`: the own address to send it from; unspecified: that of the route to the router.
[[nodiscard]] net::task<result<http_reply>> exchange_http(net::loop& loop, endpoint with, std::string request,
                                                          ip_address from = {});

/// The value of the argument `name` in the reply to an action; see soap_value().
[[nodiscard]] net::task<result<std::string>> call_upnp(net::loop& loop, upnp_service service, std::string request,
                                                       const char* name, ip_address from = {});

}  // namespace sallyport::reach
