#include <sallyport/diagnosis/path.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sallyport::diagnosis {

namespace {

bool is_carrier_grade_nat(const ip_address& a) {
    static const auto network = *ip_network::parse("100.64.0.0/10");
    return a.is_v4() && network.contains(a);
}

bool is_home_address(const ip_address& a) { return a.is_private() && !is_carrier_grade_nat(a); }

std::optional<unsigned> distance_of_control(const facts& known) {
    const auto* const control = known.control_trace();
    return control == nullptr ? std::nullopt : control->first(hop_answer::opened);
}

/// The hop answers to a SYN that is not to the data port.
bool answers_elsewhere(const facts& known, unsigned hop) {
    return known.control_trace()->expired_at(hop) != nullptr ||
           (known.compared.other_port && known.compared.other_port->expired_at(hop) != nullptr);
}

hop_span span_of(const facts& known, unsigned first, unsigned last) {
    return {first, last, address_of_hop(known, first != 0 ? first : last)};
}

/// The distance of the sender of an RST, from the TTL that was left; senders start with one of three values.
std::optional<unsigned> sender_distance(std::optional<unsigned> reply_ttl) {
    if (!reply_ttl || *reply_ttl == 0) return std::nullopt;
    for (const unsigned start : std::array{64U, 128U, 255U})
        if (*reply_ttl <= start) return start - *reply_ttl + 1;
    return std::nullopt;
}

side side_of_only_router(const facts& known) {
    const bool client_inside = is_home_address(known.client.address);
    const bool server_inside = is_home_address(known.server.address);
    if (client_inside && !server_inside) return side::client;
    if (server_inside && !client_inside) return side::server;
    return side::between;
}

path_break break_by_silence(const facts& known, const path_trace& data, unsigned distance) {
    const unsigned last = std::min(data.last_expired(), distance - 1);
    unsigned next = last + 1;
    while (next < distance && !answers_elsewhere(known, next)) ++next;
    path_break out;
    out.hop = span_of(known, last, next);
    out.evidence = last == 0
                       ? std::string("no hop answers a SYN to the data port, though hops answer one to the control port")
                       : fmt::format(
                             "{} answers a SYN to the data port that ends there, and no later one does; on the control "
                             "port the hops up to {} answer",
                             text_of(span_of(known, last, last)), distance - 1);
    if (next == distance) {
        out.maybe_way_back = true;
        out.confidence = confidence::likely;
        return out;
    }
    const auto first_side = last == 0 ? side::client : side_of_hop(known, last);
    const auto last_side = side_of_hop(known, next);
    const auto next_address = address_of_hop(known, next);
    out.confidence = confidence::likely;
    if (first_side == last_side || (last <= 1 && first_side == side::client)) {
        out.side = first_side;
        if (first_side != last_side && last == 0) out.confidence = confidence::possible;
    } else if (next + 1 == distance && next_address && *next_address == known.server.address) {
        // A NAT router drops what it does not forward.
        out.side = side::server;
    } else if (next + 1 == distance) {
        out.side = side::server;
        out.confidence = confidence::possible;
    } else {
        out.side = first_side;
        out.confidence = confidence::possible;
    }
    return out;
}

path_break break_by_refusal(const facts& known, const path_trace& data, unsigned distance) {
    const unsigned reached = *data.first(hop_answer::refused);
    const auto sender = sender_distance(data.reply_ttl);
    // A forward chain resets what would go on, one TTL later than the router itself would refuse.
    const bool consistent = sender && (*sender == reached || *sender + 1 == reached);
    path_break out;
    if (!consistent) {
        out.hop = span_of(known, reached == 0 ? 0 : reached - 1, reached);
        out.evidence = fmt::format("the data port is refused from TTL {} on; the server is at hop {}", reached, distance);
        const auto first_side = side_of_hop(known, out.hop.first);
        const auto last_side = side_of_hop(known, out.hop.last);
        out.side = first_side == last_side ? first_side : side::undecided;
        return out;
    }
    out.hop = span_of(known, *sender, *sender);
    out.side = side_of_hop(known, *sender);
    out.evidence =
        fmt::format("the RST has the TTL of a sender at hop {} and is sent from TTL {} on; the server is at hop {}", *sender,
                    reached, distance);
    out.at_server = *sender >= distance;
    out.confidence = confidence::certain;
    // A device at the server may answer for it, and return paths may have another length.
    if (out.at_server || (*sender + 1 == distance && out.hop.address != known.server.address))
        out.confidence = confidence::likely;
    return out;
}

bool is_port_unreachable(bool v4, const ttl_answer& a) {
    return v4 ? a.icmp_type == 3 && a.icmp_code == 3 : a.icmp_type == 1 && a.icmp_code == 4;
}

path_break break_by_icmp(const facts& known, const path_trace& data, unsigned distance) {
    const unsigned reached = *data.first(hop_answer::unreachable);
    const auto answer = std::ranges::find_if(
        data.answers, [&](const ttl_answer& a) { return a.ttl == reached && a.what == hop_answer::unreachable; });
    path_break out;
    if (!answer->from) {
        out.hop = {0, 0, std::nullopt};
        out.side = side::client;
        out.confidence = confidence::likely;
        out.evidence = "this computer has no route to the data port, or rejects the connection itself";
        return out;
    }
    const auto from = *answer->from;
    out.evidence = fmt::format("{} rejects the connection by ICMP: {}", from.text(),
                               text_of_icmp(from.is_v4(), answer->icmp_type, answer->icmp_code));
    out.port_unreachable = is_port_unreachable(from.is_v4(), *answer);
    for (unsigned hop = 1; hop < distance; ++hop) {
        if (address_of_hop(known, hop) != from) continue;
        out.hop = {hop, hop, from};
        out.side = side_of_hop(known, hop);
        out.confidence = confidence::certain;
        return out;
    }
    out.hop = {reached == 0 ? 0 : reached - 1, reached, from};
    if (from == known.server.address) {
        out.hop = {std::min(reached, distance), distance, from};
        out.side = side::server;
        out.confidence = confidence::certain;
    } else if (from == known.client.address) {
        out.hop = {0, 0, from};
        out.side = side::client;
        out.confidence = confidence::certain;
    } else {
        const auto side = side_of_hop(known, out.hop.last);
        out.side = side_of_hop(known, out.hop.first) == side ? side : side::undecided;
        out.confidence = confidence::likely;
    }
    return out;
}

}  // namespace

std::optional<unsigned> hop_of_proxy(const facts& known) noexcept {
    const auto opened = distance_of_control(known);
    if (!opened || !known.compared.other_port || known.compared.other_port->expired_at(*opened) == nullptr)
        return std::nullopt;
    return opened;
}

std::optional<unsigned> distance_to_server(const facts& known) noexcept {
    return hop_of_proxy(known) ? known.compared.other_port->distance() : distance_of_control(known);
}

std::optional<ip_address> address_of_hop(const facts& known, unsigned hop) noexcept {
    for (const auto& trace : known.traces)
        if (const auto* const answer = trace.expired_at(hop)) return answer->from;
    const auto* const answer = known.compared.other_port ? known.compared.other_port->expired_at(hop) : nullptr;
    return answer == nullptr ? std::nullopt : answer->from;
}

side side_of_hop(const facts& known, unsigned hop) noexcept {
    const auto distance = distance_to_server(known);
    if (hop == 0) return side::client;
    if (distance && hop >= *distance) return side::server;
    if (distance && *distance == 2) return side_of_only_router(known);
    if (distance && hop + 1 == *distance) return side::server;
    // With IPv6, hosts have public addresses behind a router of their own.
    if (hop == 1 && (known.client.address.is_v6() || is_home_address(known.client.address))) return side::client;
    for (unsigned each = 1; each <= hop; ++each) {
        const auto address = address_of_hop(known, each);
        if (!address || address->is_v6() || !is_home_address(*address)) return side::between;
    }
    return side::client;
}

std::string text_of(const hop_span& hop) {
    if (hop.first == 0 && hop.last == 0) return "this computer";
    if (hop.first == 0)
        return fmt::format("this computer or hop {}{}", hop.last, hop.address ? " (" + hop.address->text() + ")" : "");
    if (hop.first == hop.last)
        return fmt::format("hop {}{}", hop.first, hop.address ? " (" + hop.address->text() + ")" : "");
    return fmt::format("hops {} to {}{}", hop.first, hop.last,
                       hop.address ? fmt::format(" (from {})", hop.address->text()) : "");
}

std::string text_of_icmp(bool v4, int type, int code) {
    static constexpr auto codes = std::to_array<std::string_view>(
        {"network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "too large a packet",
         "source route failed", "network unknown", "host unknown", "", "network prohibited", "host prohibited", "", "",
         "administratively prohibited"});
    static constexpr auto codes_v6 = std::to_array<std::string_view>(
        {"no route", "administratively prohibited", "beyond the scope of the source address", "address unreachable",
         "port unreachable", "source address refused", "route refused"});
    const auto of = [&](const auto& words) {
        const auto at = static_cast<std::size_t>(code);
        return code >= 0 && at < words.size() ? words[at] : std::string_view();
    };
    const bool is_unreachable = type == (v4 ? 3 : 1);
    const auto words = !is_unreachable ? std::string_view() : v4 ? of(codes) : of(codes_v6);
    return fmt::format("{}type {}, code {}{}", words.empty() ? "" : fmt::format("{} (", words), type, code,
                       words.empty() ? "" : ")");
}

std::optional<path_break> find_break(const facts& known) {
    const auto* const control = known.control_trace();
    const auto distance = distance_to_server(known);
    const auto* const data = known.data_trace();
    if (control == nullptr || !distance || *distance == 0 || data == nullptr) return std::nullopt;
    if (data->first(hop_answer::opened)) return std::nullopt;
    if (data->first(hop_answer::unreachable)) return break_by_icmp(known, *data, *distance);
    if (data->first(hop_answer::refused)) return break_by_refusal(known, *data, *distance);
    return break_by_silence(known, *data, *distance);
}

}  // namespace sallyport::diagnosis
