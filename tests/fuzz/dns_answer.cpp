// Answers of name servers. First byte: the kind of query; the rest: the message.
// - The servers of a service are sorted, and have a name that has no control characters.
// - What is malformed gives an error.

#include <algorithm>

#include <sallyport/base/ascii.hpp>
#include <sallyport/net/dns_answer.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    if (size == 0) return 0;
    const std::string message(sallyport::fuzz::text_of(data + 1, size - 1));
    if (data[0] % 3 == 0) {
        const auto found = net::parse_services(message, "_ftp._tcp.example.org");
        if (!found) return 0;
        check(!found->empty() && std::ranges::is_sorted(*found), "there are servers, and they are sorted");
        for (const auto& each : *found) {
            check(!each.target.empty() && each.target != ".", "a server has a name");
            check(std::ranges::none_of(each.target, is_control), "a name has no control characters");
        }
        return 0;
    }
    std::vector<ip_address> addresses;
    const auto type = data[0] % 3 == 1 ? net::address_record::a : net::address_record::aaaa;
    if (!net::parse_addresses(message, type, addresses)) return 0;
    // An IPv4-mapped address in an AAAA record is IPv4.
    const bool fits = type == net::address_record::aaaa || std::ranges::all_of(addresses, &ip_address::is_v4);
    check(fits, "addresses are of their family");
    return 0;
}
