#include <sallyport/net/dns_answer.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

// c-ares 1.34 deprecates functions that are the only ones in Debian 12 (1.18), but still has them.
#define CARES_NO_DEPRECATED 1
#include <ares.h>
#include <fmt/format.h>
#include <netdb.h>

namespace sallyport::net {
namespace {

const unsigned char* bytes_of(const std::string& message) { return reinterpret_cast<const unsigned char*>(message.data()); }

template <std::size_t size>
void add_addresses(std::vector<ip_address>& out, const hostent& found, ip_address (*make)(std::array<std::uint8_t, size>)) {
    for (auto* const* each = found.h_addr_list; *each != nullptr; ++each) {
        std::array<std::uint8_t, size> bytes{};
        std::memcpy(bytes.data(), *each, size);
        out.push_back(make(bytes));
    }
}

}  // namespace

std::unexpected<error> malformed_answer(const std::string& name) {
    return fail(errc::syntax, fmt::format("cannot look up \"{}\": the name server's answer is malformed", name));
}

result<std::vector<srv_record>> parse_services(const std::string& message, const std::string& name) {
    std::vector<srv_record> out;
    ares_srv_reply* first = nullptr;
    const int status = message.empty() ? int{ARES_ENODATA}
                                       : ::ares_parse_srv_reply(bytes_of(message), static_cast<int>(message.size()), &first);
    for (const auto* each = first; each != nullptr; each = each->next) {
        const std::string_view target = each->host;
        // RFC 2782: the service does not exist at this name.
        if (target.empty() || target == ".") continue;
        out.push_back({.target = each->host, .port = each->port, .priority = each->priority, .weight = each->weight});
    }
    ::ares_free_data(first);
    if (status != ARES_SUCCESS && status != ARES_ENODATA) return malformed_answer(name);
    if (out.empty()) return fail(errc::unresolved, fmt::format("cannot look up \"{}\": it names no server", name));
    std::ranges::sort(out);
    return out;
}

bool parse_addresses(const std::string& message, address_record type, std::vector<ip_address>& out) {
    if (message.empty()) return true;
    hostent* found = nullptr;
    const auto* const bytes = bytes_of(message);
    const int size = static_cast<int>(message.size());
    const int status = type == address_record::a ? ::ares_parse_a_reply(bytes, size, &found, nullptr, nullptr)
                                                 : ::ares_parse_aaaa_reply(bytes, size, &found, nullptr, nullptr);
    if (found != nullptr) {
        if (type == address_record::a)
            add_addresses(out, *found, +[](std::array<std::uint8_t, 4> b) { return ip_address::v4(b); });
        else
            add_addresses(out, *found, +[](std::array<std::uint8_t, 16> b) { return ip_address::v6(b); });
        ::ares_free_hostent(found);
    }
    return status == ARES_SUCCESS || status == ARES_ENODATA;
}

}  // namespace sallyport::net
