#include <sallyport/reach/client_condition.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace sallyport::reach {

bool client_condition::add(std::string_view text) {
    if (text == "tls" || text == "plain") {
        if (tls) return false;
        tls = text == "tls";
        return true;
    }
    if (const auto network = ip_network::parse(text); network && !clients) {
        clients = network;
        return true;
    }
    if (const auto at = endpoint::parse(text); at && !client_destination) {
        client_destination = at;
        return true;
    }
    return false;
}

result<client_condition> client_condition::parse(std::string_view text) {
    client_condition out;
    for (;;) {
        const auto comma = text.find(',');
        const auto one = text.substr(0, comma);
        if (!out.add(one))
            return fail(errc::syntax,
                        fmt::format("\"{}\" is not a valid condition, or the second of its kind; use a client network "
                                    "(10.0.0.0/8), a client destination (192.0.2.1:990 or :990), tls or plain",
                                    one));
        if (comma == std::string_view::npos) return out;
        text.remove_prefix(comma + 1);
    }
}

bool client_condition::matches(const client_info& v) const noexcept {
    if (clients && !clients->contains(v.address)) return false;
    if (tls && *tls != v.tls) return false;
    if (!client_destination) return true;
    return client_destination->port == v.client_destination.port &&
           (client_destination->address.is_unspecified() || client_destination->address == v.client_destination.address);
}

bool any_matches(const std::vector<client_condition>& conditions, const client_info& v) noexcept {
    return std::ranges::any_of(conditions, [&](const auto& c) { return c.matches(v); });
}

}  // namespace sallyport::reach
