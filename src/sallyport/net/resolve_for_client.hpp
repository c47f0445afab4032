#pragma once
// Looks up a name that a client has chosen. Such lookups can be made slow on purpose, so they have threads of their own, on
// which the clients take turns, and do not delay those of other names.
//
// Loop thread only; never blocks the loop. The result is a value owned by the caller. Errors: errc::unresolved and
// errc::timeout.

#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

/// Like resolve(). `client`: its address.
task<result<std::vector<ip_address>>> resolve_for_client(loop& l, std::string host, ip_address client, time_limit limit);

}  // namespace sallyport::net
