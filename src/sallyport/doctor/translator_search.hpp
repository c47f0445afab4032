#pragma once
// Finds out whether the server has IPv4 only and is reached through NAT64, by the addresses of ipv4only.arpa (RFC 7050). On
// the loop's thread; the facts must outlive the call.

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::doctor {

/// Sets facts::translated_server if EPSV fails over IPv6, where it is the only passive method. It asks the system's resolver
/// for that name.
net::task<> find_translator(net::loop& loop, diagnosis::facts& into);

}  // namespace sallyport::doctor
