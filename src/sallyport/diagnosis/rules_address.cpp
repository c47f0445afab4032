// Rules about the addresses in 227, PORT and EPRT.

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

/// A 227 whose address is not the one of the control connection's peer.
struct advertised_facts {
    const method_facts* attempt = nullptr;
    ip_address address;
    /// Whether connections to the advertised and to the peer's address were established; nothing if not tried.
    std::optional<bool> advertised_works;
    std::optional<bool> peer_works;
};

std::optional<bool> works(const method_facts& m) {
    if (is_usable(m)) return true;
    if (is_blocked(m) || m.result == method_result::wrong_address) return false;
    return std::nullopt;
}

std::optional<bool> works(const std::optional<method_result>& r) {
    return r ? std::optional(*r == method_result::ok) : std::nullopt;
}

std::optional<advertised_facts> other_address_in_227(const facts& known) {
    for (const auto& m : known.methods) {
        if (m.method != proto::data_method::pasv || !m.advertised || m.advertised->address == known.server.address) continue;
        if (known.server.port == 0) continue;
        const bool follows_reply = m.target && m.target->address == m.advertised->address;
        advertised_facts out{&m, m.advertised->address, works(m), works(m.other_address)};
        if (!follows_reply) std::swap(out.advertised_works, out.peer_works);
        return out;
    }
    return std::nullopt;
}

std::string text_of(const facts& known, const advertised_facts& seen) {
    return fmt::format("the 227 advertises {}, and the control connection's peer is {}", seen.attempt->advertised->text(),
                       known.server.address.text());
}

void add_wrong_address(const facts& known, const advertised_facts& seen, std::string_view id, std::vector<verdict>& out) {
    if (has_id(out, {"only-control-tunnelled"})) return;
    const bool measured = seen.advertised_works == false && seen.peer_works == true;
    auto found = verdict_of(id, side::server_config, measured ? confidence::certain : confidence::likely);
    found.method = seen.attempt->method;
    found.evidence.push_back(text_of(known, seen));
    if (seen.advertised_works == false)
        found.evidence.push_back("a connection to the advertised address is not established");
    if (seen.peer_works == true) found.evidence.push_back("a connection to the same port of the peer's address is");
    out.push_back(std::move(found));
}

/// This computer is the peer, and the server's address is another one.
void judge_tunnel(const facts& known, std::vector<verdict>& out) {
    const auto seen = other_address_in_227(known);
    if (!seen || !known.server.address.is_loopback() || seen->address.is_loopback() || seen->address.is_unspecified())
        return;
    if (seen->peer_works != false || seen->advertised_works == true) return;
    auto found = verdict_of("only-control-tunnelled", side::client_config, confidence::likely);
    found.method = seen->attempt->method;
    found.evidence.push_back(text_of(known, *seen));
    found.evidence.emplace_back("no connection is established to the same port of the peer's address");
    out.push_back(std::move(found));
}

void judge_private(const facts& known, std::vector<verdict>& out) {
    const auto seen = other_address_in_227(known);
    if (!seen || seen->address.is_public() || seen->address.is_unspecified() || seen->advertised_works == true) return;
    if (!is_container_address(seen->address)) add_wrong_address(known, *seen, "private-address", out);
}

void judge_container(const facts& known, std::vector<verdict>& out) {
    const auto seen = other_address_in_227(known);
    if (!seen || !is_container_address(seen->address) || seen->advertised_works == true) return;
    add_wrong_address(known, *seen, "container-address", out);
}

void judge_unspecified(const facts& known, std::vector<verdict>& out) {
    const auto seen = other_address_in_227(known);
    if (!seen || !seen->address.is_unspecified()) return;
    auto found = verdict_of("unspecified-address", side::server_config, confidence::certain,
                            seen->peer_works == false ? severity::problem : severity::note);
    found.method = seen->attempt->method;
    found.evidence.push_back(text_of(known, *seen));
    out.push_back(std::move(found));
}

void judge_other_public(const facts& known, std::vector<verdict>& out) {
    const auto seen = other_address_in_227(known);
    if (!seen || !seen->address.is_public() || seen->advertised_works == true) return;
    add_wrong_address(known, *seen, "other-public-address", out);
    if (!has_id(out, {"other-public-address"})) return;
    auto& found = out.back();
    if (std::ranges::find(known.host_addresses, seen->address) != known.host_addresses.end())
        found.evidence.push_back("it is another address of the host's name");
    // Whether clients that follow the reply fail was not tried.
    if (!seen->advertised_works && seen->peer_works == true) found.severity = severity::note;
}

void judge_client_override(const facts& known, std::vector<verdict>& out) {
    const auto seen = other_address_in_227(known);
    if (!seen || seen->advertised_works != true || seen->peer_works != false) return;
    // This client follows the 227.
    if (seen->attempt->target == seen->attempt->advertised) return;
    auto found = verdict_of("client-override", side::client_config, confidence::certain);
    found.evidence.push_back(text_of(known, *seen));
    found.evidence.push_back("a connection to the advertised address is established, and none to the peer's address");
    out.push_back(std::move(found));
}

void judge_malformed(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_of(known.methods, [](const method_facts& each) { return !each.malformed.empty(); });
    if (m == nullptr) return;
    // Without TLS a device on the path may have changed the reply.
    const auto sure = m->tls ? confidence::certain : confidence::likely;
    auto found = verdict_of("malformed-reply", side::server_config, sure);
    found.evidence.push_back(fmt::format("{}: {}", proto::name(m->method), m->malformed));
    found.evidence.push_back(evidence_of_reply(*m));
    out.push_back(std::move(found));
}

bool is_unknown_command(const method_facts& m) {
    return m.reply_code == 502 || contains_any(to_lower(m.reply), {"unknown", "not implemented", "not understood",
                                                                   "unrecognized", "not supported"});
}

void judge_private_active(const facts& known, std::vector<verdict>& out) {
    const auto* const m = first_of(known.methods, [](const method_facts& each) {
        return is_active(each.method) && each.result == method_result::verb_refused && each.target &&
               each.target->address.is_private() && !is_unknown_command(each);
    });
    if (m == nullptr || !known.server.address.is_public()) return;
    auto found = verdict_of("active-private-address", side::client_config, confidence::likely, severity_of_active(known));
    found.method = m->method;
    found.evidence.push_back(fmt::format("{} named {}, a private address, and the server refused it", proto::name(m->method),
                                         m->target->address.text()));
    found.evidence.push_back(evidence_of_reply(*m));
    out.push_back(std::move(found));
}

bool names_other_peer(const method_facts& m) {
    if (m.result == method_result::wrong_peer) return true;
    return m.reply_code >= 400 &&
           contains_any(to_lower(m.reply), {"bad ip", "foreign address", "foreign ip", "security violation",
                                            "does not match control", "not match the control", "peer address mismatch"});
}

/// SITE DOCTOR names addresses that connected to the passive port in vain.
bool has_other_source(const method_facts& m) {
    return is_blocked(m) && m.seen_by_server && !m.seen_by_server->others.empty();
}

void judge_other_source(const facts& known, std::vector<verdict>& out) {
    const auto* const m =
        first_of(known.methods, [](const method_facts& each) { return names_other_peer(each) || has_other_source(each); });
    if (m == nullptr) return;
    auto found = verdict_of("other-source-address", side::undecided, confidence::likely);
    if (has_nat_at_client(known) && !is_active(m->method)) found.side = side::client;
    if (has_other_source(*m))
        found.evidence.push_back(
            fmt::format("the server saw a connection to its passive port from {}, and the control "
                        "connection from {}",
                        m->seen_by_server->others.back().text(), m->seen_by_server->peer.text()));
    found.evidence.push_back(evidence_of(*m));
    found.evidence.push_back(evidence_of_reply(*m));
    out.push_back(std::move(found));
}

}  // namespace

std::span<const rule> address_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"only-control-tunnelled",
          "The connection to the control port goes through a tunnel of this computer, and those to the data ports do not.",
          "a loopback address as the control connection's peer, another address in the 227, and data ports without success "
          "at both",
          "data ports that work; a 227 with a loopback address", "a server on this computer with a wrong external address",
          "Tunnel the passive ports of the server as well, each with its own number; or use a VPN or a SOCKS proxy; or let "
          "the server use one port for everything (sallyport serve --single-port control)."},
         judge_tunnel},
        {{"private-address",
          "The server advertises a private address in its 227 that clients outside its network cannot reach.",
          "a private address in the 227 that differs from the control peer's",
          "an address that can be reached, as inside a VPN",
          "a client that could reach it if its own firewall did not drop it",
          "Server's administrator: set the external address (sallyport: --external-address; vsftpd: pasv_address; ProFTPD: "
          "MasqueradeAddress; Pure-FTPd: -P)."},
         judge_private},
        {{"container-address", "The server advertises an address of a container's bridge in its 227.",
          "an address in 172.17.0.0 to 172.31.255.255 that differs from the control peer's",
          "an address that can be reached", "a company network that uses these addresses",
          "Server's administrator: set the external address of the container's host in the server's configuration, or use "
          "the host's network."},
         judge_container},
        {{"unspecified-address",
          "The server advertises 0.0.0.0 in its 227, which means the control connection's address to some clients only.",
          "0.0.0.0 in the 227", "other addresses", "intention: some services do this",
          "Clients must use EPSV, or connect to the control connection's address; the server should advertise its external "
          "address."},
         judge_unspecified},
        {{"other-public-address",
          "The server's 227 advertises a public address other than the one that the client connected to.",
          "a public address in the 227 that differs from the control peer's", "an address that accepts the data connection",
          "several addresses of one load balancer; an external address that has changed",
          "Server's administrator: correct the external address in the server's configuration; behind a load balancer, use "
          "one address."},
         judge_other_public},
        {{"client-override",
          "The address in the 227 is right, and the client connects to the control connection's address instead.",
          "a connection that works to the 227's address and fails to the peer's", "other combinations", "none",
          "Follow the 227: --passive-address follow; in other clients disable the option that ignores the address of PASV."},
         judge_client_override},
        {{"malformed-reply", "The server's reply to PASV or EPSV cannot be read.", "the reply, and the parser's error",
          "a refusal", "a device that rewrites the reply",
          "Server's administrator: correct the address setting; it must be an IPv4 address in numbers for PASV. Clients can "
          "use the other method (--data-methods)."},
         judge_malformed},
        {{"active-private-address",
          "Active mode cannot work: the client names its private address, and the server refuses it.",
          "a private address in PORT or EPRT, a public server, and a refusal", "a server that does not know the command",
          "a server that refuses active mode in general",
          "Use passive mode; or forward ports to the client's computer (--active-ports) and name the external address "
          "(--active-address)."},
         judge_private_active},
        {{"other-source-address", "The data connection arrives from another address than the control connection.",
          "a refusal that names the other end's address", "refusals with other texts",
          "NAT with several external addresses; a load balancer in front of the server; a proxy for one of both connections",
          "Make the NAT use one external address for each client, and keep the client's address in the load balancer."},
         judge_other_source},
    });
    return table;
}

}  // namespace sallyport::diagnosis
