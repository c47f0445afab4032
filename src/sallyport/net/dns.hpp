#pragma once
// What a name server knows beyond the system's look-up of addresses: services (SRV, RFC 2782), and the answers of one
// particular server.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

struct srv_record {
    std::string target;
    std::uint16_t port = 0;
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;

    friend auto operator<=>(const srv_record&, const srv_record&) = default;
};

/// The records of a name such as "_ftp._tcp.example.org", sorted. `server`: whom to ask instead of the system's name
/// servers. errc::unresolved, errc::timeout, errc::syntax where the answer is damaged. Never blocks the loop.
task<result<std::vector<srv_record>>> find_service(loop& l, std::string name, std::optional<endpoint> server,
                                                   time_limit limit);

/// All addresses of a name, sorted. Without `server` as resolve() finds them, in the hosts file too.
task<result<std::vector<ip_address>>> find_addresses(loop& l, std::string name, std::optional<endpoint> server,
                                                     time_limit limit);

}  // namespace sallyport::net
