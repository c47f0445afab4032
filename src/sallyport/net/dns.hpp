#pragma once
// DNS lookups that the system's resolver does not offer: services (SRV, RFC 2782), and queries to a given name server.
//
// Loop thread only; never blocks the loop. Results are values owned by the caller. Errors: errc::unresolved, errc::timeout,
// and errc::syntax for a malformed answer.

#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/dns_answer.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

/// The SRV records of a name such as "_ftp._tcp.example.org", sorted. `server` replaces the system's name servers.
task<result<std::vector<srv_record>>> find_service(loop& l, std::string name, std::optional<endpoint> server,
                                                   time_limit limit);

/// All addresses of a name, sorted. Without `server`, as resolve() finds them, which uses the hosts file too.
task<result<std::vector<ip_address>>> find_addresses(loop& l, std::string name, std::optional<endpoint> server,
                                                     time_limit limit);

}  // namespace sallyport::net
