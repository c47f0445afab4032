#pragma once
// Reads DNS messages, which a name server or another host on the path may have made up. Pure functions on values; any
// thread.

#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::net {

struct srv_record {
    std::string target;
    std::uint16_t port = 0;
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;

    friend auto operator<=>(const srv_record&, const srv_record&) = default;
};

/// The SRV records in the answer to a query for `name`, sorted. errc::syntax if the message is malformed, errc::unresolved
/// if it names no server; also if it is empty.
[[nodiscard]] result<std::vector<srv_record>> parse_services(const std::string& message, const std::string& name);

/// The error for such a message.
[[nodiscard]] std::unexpected<error> malformed_answer(const std::string& name);

enum class address_record : std::uint8_t { a, aaaa };

/// Appends the addresses in the message; an empty one has none. Returns false if it is malformed.
[[nodiscard]] bool parse_addresses(const std::string& message, address_record type, std::vector<ip_address>& out);

}  // namespace sallyport::net
