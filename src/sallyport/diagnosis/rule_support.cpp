#include <sallyport/diagnosis/rule_support.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace sallyport::diagnosis {

namespace {

methods select(const facts& known, bool active) {
    methods out;
    for (const auto& m : known.methods)
        if (is_active(m.method) == active) out.push_back(&m);
    return out;
}

std::string_view text_of(method_result r, bool active) {
    switch (r) {
        case method_result::ok: return active ? "works, with a connection to" : "works, with";
        case method_result::refused: return active ? "the server's connection was refused, to" : "refused by";
        case method_result::silent: return active ? "no connection of the server to" : "no answer from";
        case method_result::reset: return "reset by";
        case method_result::unreachable: return "rejected on the way to";
        case method_result::wrong_address: return "wrong address,";
        case method_result::wrong_peer: return "refused because of the other end's address,";
        case method_result::verb_refused: return "the server refused the command";
        case method_result::verb_dropped: return "no reply to the command";
        case method_result::stalled: return "connected, and then no more data from";
        case method_result::listing_refused: return "the server refused the listing";
        case method_result::failed: break;
    }
    return "failed";
}

}  // namespace

methods passive_methods(const facts& known) { return select(known, false); }
methods active_methods(const facts& known) { return select(known, true); }

bool is_usable(const method_facts& m) noexcept {
    return m.result == method_result::ok || (m.result == method_result::listing_refused && !is_active(m.method));
}

bool is_blocked(const method_facts& m) noexcept {
    return m.result == method_result::refused || m.result == method_result::silent || m.result == method_result::reset ||
           m.result == method_result::unreachable;
}

const method_facts* find_method(const facts& known, proto::data_method method, bool tls) noexcept {
    return first_of(known.methods, [&](const method_facts& m) { return m.method == method && m.tls == tls; });
}

severity severity_of_active(const facts& known) {
    const bool has_passive = std::ranges::any_of(passive_methods(known), [](const method_facts* m) {
        return is_usable(*m) || m->result == method_result::wrong_address || is_blocked(*m);
    });
    return has_passive ? severity::note : severity::problem;
}

bool is_container_address(const ip_address& a) noexcept {
    return a.is_v4() && a.bytes()[0] == 172 && a.bytes()[1] >= 17 && a.bytes()[1] <= 31;
}

bool has_nat_at_client(const facts& known) noexcept {
    return known.client.address.is_private() && known.server.address.is_public();
}

std::string evidence_of(const method_facts& m) {
    auto out =
        fmt::format("{}{}: {}", proto::name(m.method), m.tls ? " over TLS" : "", text_of(m.result, is_active(m.method)));
    const bool names_target = m.target && m.result != method_result::verb_refused &&
                              m.result != method_result::verb_dropped && m.result != method_result::listing_refused;
    if (names_target && m.target->port != 0) out += ' ' + m.target->text();
    return out;
}

std::string evidence_of_reply(const method_facts& m) { return m.reply.empty() ? "" : "the server's reply: " + m.reply; }

std::optional<hop_span> holder_of(const facts& known, std::string_view line) {
    const auto* const probe = first_of(known.lines, [line](const line_probe& each) { return each.line == line; });
    const auto held = probe == nullptr ? std::nullopt : probe->held_from();
    if (!held || *held == 0) return std::nullopt;
    // Otherwise the only TTL that was tried is that of usual packets, and says nothing about the place.
    const auto distance = distance_to_server(known);
    if (!distance) return std::nullopt;
    const unsigned last = *held >= *distance ? *held : *held - 1;
    return hop_span{*held - 1, last, address_of_hop(known, *held - 1)};
}

side side_of(const facts& known, const hop_span& hop) {
    const auto first = side_of_hop(known, hop.first);
    return first == side_of_hop(known, hop.last) ? first : side::undecided;
}

verdict& verdict_about_ports(std::vector<verdict>& found, std::string_view id) {
    const auto known =
        std::ranges::find_if(found, [&](const verdict& v) { return v.id == id || v.id == "one-method-blocked"; });
    if (known != found.end()) return *known;
    found.insert(found.begin(), verdict_of(id, side::undecided, confidence::possible));
    return found.front();
}

bool has_id(const std::vector<verdict>& found, std::initializer_list<std::string_view> ids) noexcept {
    return std::ranges::any_of(found, [ids](const verdict& v) { return std::ranges::find(ids, v.id) != ids.end(); });
}

void place(verdict& v, const path_break& at) {
    v.hop = at.hop;
    v.side = at.side;
    v.evidence.push_back(at.evidence);
}

verdict verdict_of(std::string_view id, side where, confidence sure, severity weight) {
    const auto& about = *explain(id);
    verdict out;
    out.id = id;
    out.cause = about.cause;
    out.side = where;
    out.confidence = sure;
    out.severity = weight;
    out.remedy = about.remedy;
    return out;
}

}  // namespace sallyport::diagnosis
