// Rules about devices on the path that read or translate FTP: helpers of firewalls, and NAT64.

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include <sallyport/diagnosis/rule_support.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::diagnosis {

namespace {

std::optional<hop_span> helper_on_path(const facts& known) {
    // If an ordinary half line is held back as well, the device has nothing to do with FTP.
    if (holder_of(known, "half line")) return std::nullopt;
    return holder_of(known, "half PORT");
}

/// Whether the control connection ends at a proxy, which speaks for the server.
void judge_proxy(const facts& known, std::vector<verdict>& out) {
    const auto hop = hop_of_proxy(known);
    if (!hop) return;
    const hop_span at{*hop, *hop, address_of_hop(known, *hop)};
    const bool works = std::ranges::any_of(passive_methods(known), [](const method_facts* m) { return is_usable(*m); });
    auto found = verdict_of("control-intercepted", side_of(known, at), confidence::likely,
                            works ? severity::note : severity::problem);
    found.hop = at;
    found.evidence.push_back(fmt::format("the control port opens at {}, and a SYN to port {} of the same host goes further",
                                         text_of(at), known.compared.other_port->to.port));
    out.push_back(std::move(found));
}

void judge_helper_blind(const facts& known, std::vector<verdict>& out) {
    const auto helper = helper_on_path(known);
    for (const auto& m : known.methods) {
        if (!m.tls || !is_blocked(m)) continue;
        const auto* const plain = find_method(known, m.method, false);
        const bool plain_works = plain != nullptr && is_usable(*plain);
        if (!plain_works && (!helper || plain != nullptr)) continue;
        auto found = verdict_of("helper-blind", side::undecided, plain_works ? confidence::likely : confidence::possible);
        found.evidence.push_back(evidence_of(m));
        if (plain_works) found.evidence.push_back(evidence_of(*plain));
        if (const auto at = find_break(known); at && !at->maybe_way_back) place(found, *at);
        if (helper) {
            found.hop = helper;
            found.side = side_of(known, *helper);
            found.evidence.push_back(
                fmt::format("an FTP helper is at {}: it holds back the first half of a PORT command", text_of(*helper)));
        }
        out.push_back(std::move(found));
        return;
    }
}

/// The attempt of an unencrypted session that a helper of this control port would have let through.
const method_facts* blocked_plain_attempt(const facts& known) {
    const auto passive = passive_methods(known);
    if (std::ranges::any_of(passive, [](const method_facts* m) { return is_usable(*m); })) return nullptr;
    return first_of(known.methods, [](const method_facts& m) { return !m.tls && !is_active(m.method) && is_blocked(m); });
}

/// The break of the path is where the helper is, or unknown.
bool may_be_the_break(const facts& known, const hop_span& helper) {
    const auto at = find_break(known);
    return !at || (at->hop.first <= helper.last && helper.first <= at->hop.last);
}

void judge_helper_other_port(const facts& known, std::vector<verdict>& out) {
    if (has_id(out, {"helper-blind"}) || holder_of(known, "half PORT") || holder_of(known, "half line on port 21")) return;
    const auto helper = holder_of(known, "half PORT on port 21");
    const auto* const blocked = blocked_plain_attempt(known);
    if (!helper || blocked == nullptr || !may_be_the_break(known, *helper)) return;
    auto found = verdict_of("helper-other-port", side_of(known, *helper), confidence::likely);
    found.hop = helper;
    found.method = blocked->method;
    found.evidence.push_back(evidence_of(*blocked));
    found.evidence.push_back(
        fmt::format("an FTP helper at {} holds back the first half of a PORT command on port 21, and not on port {}",
                    text_of(*helper), known.server.port));
    out.push_back(std::move(found));
}

void judge_helper_present(const facts& known, std::vector<verdict>& out) {
    const auto helper = helper_on_path(known);
    if (!helper || has_id(out, {"helper-blind"})) return;
    auto found = verdict_of("helper-present", side_of(known, *helper), confidence::likely, severity::note);
    found.hop = helper;
    found.evidence.push_back(fmt::format(
        "the first half of a PORT command is held back after {}, and half of another line is not", text_of(*helper)));
    out.push_back(std::move(found));
}

/// The address and port in the PORT, EPRT, 227 or 229 as the server knows it. A 229 has no address, so that of the client's
/// side is taken for it.
std::optional<endpoint> negotiated_at_server(const method_facts& m) {
    const std::string_view line = m.seen_by_server->negotiated;
    const auto rest = line.substr(std::min(line.find(' ') + 1, line.size()));
    result<endpoint> read = fail(errc::syntax);
    if (line.starts_with("PORT ")) read = proto::parse_host_port(rest);
    if (line.starts_with("EPRT ")) read = proto::parse_eprt(rest);
    if (line.starts_with("227 ")) read = proto::parse_227(rest);
    if (line.starts_with("229 ") && m.advertised)
        if (const auto port = proto::parse_229(rest)) read = endpoint{m.advertised->address, *port};
    if (!read) return std::nullopt;
    if (m.method == proto::data_method::epsv && m.advertised) read->address = m.advertised->address;
    return *read;
}

/// The letters of SITE DOCTOR arrive as they were sent, and the digits of the negotiation did not.
void judge_rewritten(const facts& known, std::vector<verdict>& out) {
    const method_facts* worst = nullptr;
    std::optional<endpoint> at_server;
    for (const auto& m : known.methods) {
        const auto& here = is_active(m.method) ? m.target : m.advertised;
        if (!m.seen_by_server || !here) continue;
        const auto there = negotiated_at_server(m);
        if (!there || *there == *here) continue;
        if (worst != nullptr && (!is_usable(*worst) || is_usable(m))) continue;
        worst = &m;
        at_server = there;
    }
    if (worst == nullptr) return;
    const bool active = is_active(worst->method);
    const auto& here = active ? worst->target : worst->advertised;
    auto found = verdict_of("address-rewritten", side::undecided, confidence::certain,
                            is_usable(*worst) ? severity::note : severity::problem);
    // A router that translates the client's private address to the outside one does so in the command as well.
    if (active && here->address.is_private() && at_server->address == worst->seen_by_server->peer.address)
        found.side = side::client;
    found.method = worst->method;
    found.evidence.push_back(fmt::format("{}: this client {} {}, and the server {} {}", proto::name(worst->method),
                                         active ? "sent" : "received", here->text(), active ? "received" : "sent",
                                         at_server->text()));
    found.evidence.push_back(evidence_of(*worst));
    out.push_back(std::move(found));
}

/// Over IPv6 there is no other passive method.
void judge_epsv_through_nat64(const facts& known, std::vector<verdict>& out) {
    if (!known.translated_server) return;
    const auto* const m = first_of(known.methods, [](const method_facts& each) {
        return each.method == proto::data_method::epsv &&
               (each.result == method_result::verb_refused || each.result == method_result::verb_dropped);
    });
    if (m == nullptr || !m->malformed.empty()) return;
    auto found = verdict_of("nat64-without-epsv", side::server_config, confidence::likely);
    found.method = m->method;
    found.evidence.push_back(fmt::format("{} stands for {}: a NAT64 translator is between", known.server.address.text(),
                                         known.translated_server->text()));
    found.evidence.push_back(evidence_of(*m));
    found.evidence.push_back(evidence_of_reply(*m));
    out.push_back(std::move(found));
}

}  // namespace

std::span<const rule> device_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"control-intercepted",
          "A proxy on the path ends the control connection in the server's place, so its replies are the proxy's.",
          "the control port, which opens at a hop that forwards a SYN to another port of the same host",
          "helpers, which read the control connection and do not end it", "paths of several lengths to one host",
          "Ask the operator of that device whether it is meant to handle FTP and which data ports it uses; the addresses "
          "and "
          "ports in the replies are its own."},
         judge_proxy},
        {{"helper-blind", "A firewall opens data ports by reading the control connection, and TLS hides the port from it.",
          "the same method in an unencrypted session and over TLS; or a helper on the path and blocked ports over TLS",
          "ports that are blocked without TLS as well", "a server that uses other ports over TLS",
          "Allow the server's passive port range in the firewall, and do not rely on its FTP helper; with TLS it cannot "
          "work."},
         judge_helper_blind},
        {{"helper-other-port",
          "A firewall opens data ports by reading the control connection on port 21, and the server has another port.",
          "half of a PORT command that is held back on port 21 of the same host, and not on the server's port; blocked data "
          "ports without TLS",
          "a path that breaks at another device; sessions over TLS", "a firewall that blocks the data ports on its own",
          "Allow the server's passive port range in the firewall; or make its FTP helper follow this control port as well, "
          "which works without TLS only."},
         judge_helper_other_port},
        {{"helper-present", "A device on the path follows the FTP control connection (helper, ALG, inspection).",
          "half of a PORT command that is not acknowledged after a hop, and half of another line that is",
          "devices that hold back every incomplete line", "a harmless inspection that reassembles commands",
          "Nothing, unless something fails. It cannot read sessions over TLS."},
         judge_helper_present},
        {{"address-rewritten",
          "A device on the path changes the address or the port of data connections on the control connection.",
          "SITE DOCTOR of the server (--site-doctor on), and another address or port in the command or reply there",
          "servers without SITE DOCTOR",
          "none: a helper of a firewall or NAT router, or a gateway that makes data connections of its own",
          "Nothing if data connections work. Else disable the FTP helper (ALG) of that device, or use TLS, which hides the "
          "commands from it."},
         judge_rewritten},
        {{"nat64-without-epsv",
          "The server has IPv4 only, and does not accept EPSV, which clients with IPv6 only need to reach it through NAT64.",
          "an IPv6 address with the prefix of the network's NAT64 translator, and EPSV without success",
          "other IPv6 addresses", "a translator that answers for the server",
          "Server's administrator: enable EPSV, or give the server an IPv6 address. Operator of the translator: use a "
          "gateway that sends PASV for EPSV (sallyport gate --intercept 'INTERFACE?to=PREFIX&nat64')."},
         judge_epsv_through_nat64},
    });
    return table;
}

}  // namespace sallyport::diagnosis
