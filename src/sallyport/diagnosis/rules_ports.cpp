// Rules about data ports that cannot be reached, all of them or some.

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

constexpr std::string_view other_end = "To tell them apart, run 'sallyport doctor --server' on the server's host.";

/// The attempt went to the wrong address of the 227, which another rule has reported: its port was not tried.
bool is_explained_by_address(const method_facts& m, const std::vector<verdict>& found) {
    if (m.method != proto::data_method::pasv || !m.advertised || m.target != m.advertised) return false;
    return std::ranges::any_of(found, [](const verdict& v) {
        return v.severity == severity::problem &&
               (v.id == "private-address" || v.id == "container-address" || v.id == "other-public-address");
    });
}

/// A passive attempt that failed in this way, if no passive attempt worked and no other rule has explained it.
const method_facts* blocked_in_general(const facts& known, const std::vector<verdict>& found, method_result how) {
    if (has_id(found, {"helper-blind", "helper-other-port", "only-control-tunnelled", "client-override",
                       "passive-port-opens-late"}))
        return nullptr;
    // Other ports can be reached.
    if (first_of(known.rounds, [](const port_round& r) { return r.result == method_result::ok; }) != nullptr) return nullptr;
    const method_facts* out = nullptr;
    for (const auto* const m : passive_methods(known)) {
        if (is_usable(*m) || m->result == method_result::wrong_address) return nullptr;
        if (m->result == how && out == nullptr && !is_explained_by_address(*m, found)) out = m;
    }
    return out;
}

std::string port_of(const method_facts& m) {
    return m.target ? std::to_string(m.target->port) : std::string("of the reply");
}

std::string remedy_of(const verdict& v, const method_facts& m) {
    const auto port = port_of(m);
    switch (v.side) {
        case side::client:
            return fmt::format(
                "Allow outgoing TCP connections to the server's passive ports (port {} here) in the firewall of {}.", port,
                v.hop ? text_of(*v.hop) : "this computer and its router");
        case side::server:
            return fmt::format(
                "Server's administrator: allow the passive port range (port {} here) in the firewall, and forward it to the "
                "server.",
                port);
        case side::between:
            return fmt::format(
                "Ask the operator of {} to allow the server's passive ports (port {} here), or use other ports.",
                v.hop ? text_of(*v.hop) : "the network between", port);
        default: break;
    }
    return fmt::format("Allow the server's passive port range (port {} here) in the firewalls of both sides.", port);
}

void describe_place(const facts& known, const method_facts& m, verdict& v) {
    v.method = m.method;
    for (const auto* const each : passive_methods(known)) v.evidence.push_back(evidence_of(*each));
    if (const auto at = find_break(known)) {
        place(v, *at);
        v.confidence = at->confidence;
        v.cause += fmt::format(" The data connection is lost at {}.", text_of(at->hop));
        v.remedy = remedy_of(v, m);
        if (at->maybe_way_back) {
            v.evidence.emplace_back(
                "the firewall of the server's router or host, or a filter that drops the answers on their way back, would "
                "all look like this");
            v.remedy += ' ';
            v.remedy += other_end;
        }
        return;
    }
    v.remedy = remedy_of(v, m);
}

/// TLS may hide the port from a firewall that would open it, and only a session without TLS shows that.
bool lacks_plain_attempt(const facts& known, const method_facts& m) {
    return m.tls && known.source.empty() && known.tls_mode == "explicit" &&
           std::ranges::all_of(known.methods, [](const method_facts& each) { return each.tls; });
}

void describe_break(const facts& known, const method_facts& m, verdict& v) {
    describe_place(known, m, v);
    if (lacks_plain_attempt(known, m))
        v.remedy +=
            " Run the doctor with --also-plain to see whether TLS hides the data ports from a firewall's FTP helper.";
}

/// The client and the server are behind the same router, and the client uses the router's external address. That router then
/// refuses a SYN at the TTL that just reaches it; its forward chain would let this one expire, and refuse the next.
void judge_hairpin(const facts& known, std::vector<verdict>& out) {
    const auto at = find_break(known);
    const bool is_refused = std::ranges::any_of(
        known.methods, [](const method_facts& m) { return !is_active(m.method) && m.result == method_result::refused; });
    if (!at || !is_refused || distance_to_server(known) != 2 || at->hop.first != 1 || at->hop.last != 1) return;
    if (!has_nat_at_client(known) || known.data_trace()->first(hop_answer::refused) != 1U) return;
    auto found = verdict_of("hairpin", side::client, confidence::possible);
    found.hop = at->hop;
    for (const auto* const each : passive_methods(known)) found.evidence.push_back(evidence_of(*each));
    found.evidence.push_back(at->evidence);
    found.evidence.emplace_back("a firewall at the entry of this router that answers with RST looks the same");
    out.push_back(std::move(found));
}

/// A verdict about passive attempts that failed, and the first of them; both are nullptr if there is none.
struct blocked_attempt {
    verdict* found = nullptr;
    const method_facts* attempt = nullptr;
};

/// Adds the verdict about passive attempts that failed in this way.
blocked_attempt add_blocked(const facts& known, std::vector<verdict>& out, method_result how, std::string_view id) {
    const auto* const m = blocked_in_general(known, out, how);
    if (m == nullptr) return {};
    out.push_back(verdict_of(id, side::undecided, confidence::possible));
    describe_break(known, *m, out.back());
    return {&out.back(), m};
}

/// In a capture: the SYN was answered, and the client has repeated it, so the answer has not arrived.
bool is_answer_lost(const method_facts& m) {
    return m.result == method_result::silent && m.packets && m.packets->syns > 1 && m.packets->syn_acks > 0;
}

std::string times_text(unsigned number) { return number == 1 ? std::string("once") : fmt::format("{} times", number); }

void judge_dropped(const facts& known, std::vector<verdict>& out) {
    const auto [found, m] = add_blocked(known, out, method_result::silent, "data-ports-dropped");
    if (found == nullptr || !m->packets) return;
    const auto& seen = *m->packets;
    if (is_answer_lost(*m)) {
        auto lost = verdict_of("answers-lost", side::undecided, confidence::certain);
        lost.method = m->method;
        lost.evidence.push_back(
            fmt::format("the SYN to {} was sent {}, and answered {}; the client has not confirmed any answer",
                        m->target->text(), times_text(seen.syns), times_text(seen.syn_acks)));
        *found = std::move(lost);
    } else if (seen.syns > 0) {
        found->evidence.push_back(fmt::format("the capture has {} SYN{} to {}, and no answer", seen.syns,
                                              seen.syns == 1 ? "" : "s", m->target->text()));
    }
}

/// How many routers a packet has passed, if it was sent with one of the usual TTLs.
unsigned distance_of(unsigned ttl) {
    constexpr auto usual = std::to_array<unsigned>({64, 128, 255});
    const auto sent = std::ranges::find_if(usual, [ttl](unsigned each) { return each >= ttl; });
    return sent == usual.end() ? 0 : *sent - ttl;
}

/// Whether another device than the server has sent the RST, by what both have left of their TTL in a capture.
void add_sender_of_refusal(const facts& known, verdict& found) {
    const auto* const m = first_of(known.methods, [](const method_facts& each) {
        return each.result == method_result::refused && !is_active(each.method) && each.packets;
    });
    if (m == nullptr || !m->packets->answer_ttl || !m->packets->control_ttl) return;
    const auto ttl = *m->packets->answer_ttl;
    const auto expected = *m->packets->control_ttl;
    if (ttl == expected) {
        found.side = side::server;
        found.confidence = confidence::likely;
        found.evidence.push_back(fmt::format("the RST arrives with TTL {}, as the server's own packets do", ttl));
    } else if (distance_of(ttl) == distance_of(expected)) {
        // A host's kernel and its firewall may begin with different TTLs.
        found.evidence.push_back(
            fmt::format("the RST arrives with TTL {}, and the server's own packets with TTL {}: both may "
                        "have come the same way",
                        ttl, expected));
    } else {
        found.confidence = confidence::likely;
        found.evidence.push_back(
            fmt::format("the RST arrives with TTL {}, and the server's own packets with TTL {}: probably "
                        "another device has sent it",
                        ttl, expected));
    }
}

void judge_refused(const facts& known, std::vector<verdict>& out) {
    auto* found = add_blocked(known, out, method_result::refused, "data-ports-refused").found;
    if (found == nullptr) found = add_blocked(known, out, method_result::reset, "data-ports-refused").found;
    if (found == nullptr) return;
    add_sender_of_refusal(known, *found);
    if (has_id(out, {"hairpin"})) {
        found->confidence = confidence::possible;
        found->evidence.emplace_back("a router that does not forward the data ports from its own network looks the same");
    }
    if (const auto at = find_break(known); at && at->at_server) {
        found->cause = "The server's host refuses the data connections: probably nothing listens on these ports.";
        found->evidence.emplace_back(
            "a load balancer that sends the connection to another node, a server that opens the port only with the transfer "
            "command, and a firewall of the host that answers with RST look the same");
    }
}

void judge_rejected(const facts& known, std::vector<verdict>& out) {
    auto* const found = add_blocked(known, out, method_result::unreachable, "data-ports-rejected").found;
    if (found == nullptr) return;
    const auto* const m = blocked_in_general(known, {}, method_result::unreachable);
    if (m != nullptr && m->packets && m->packets->icmp_sender) {
        const auto& seen = *m->packets;
        found->evidence.push_back(fmt::format("{} rejects the connection by ICMP: {}", seen.icmp_sender->text(),
                                              text_of_icmp(seen.icmp_sender->is_v4(), seen.icmp_type, seen.icmp_code)));
    }
    const auto at = find_break(known);
    if (!at || !at->port_unreachable || at->hop.address != known.server.address) return;
    // It is no sign of a policy: the REJECT of iptables sends it, and so do NAT and containers without a target.
    found->cause = "The server's host answers that the data port is unreachable.";
    found->evidence.emplace_back(
        "the host's packet filter (the usual REJECT of iptables), and a NAT rule or a container that "
        "has no such port, look the same");
}

// ---- Rounds

/// The results of one port, or of all.
struct round_counts {
    unsigned worked = 0;
    unsigned failed = 0;

    /// A negotiation that named no port says nothing about one.
    void add(const port_round& round) {
        if (round.reply_code == 0 && round.port != 0) ++(round.result == method_result::ok ? worked : failed);
    }
};

/// The rounds, after the attempt of the method that they repeat: servers often do not name the same port again soon.
std::vector<port_round> all_rounds(const facts& known) {
    std::vector<port_round> out;
    if (known.rounds.empty()) return out;
    const auto passive = passive_methods(known);
    const auto first = std::ranges::find_if(passive, [](const method_facts* m) { return m->target && m->advertised; });
    if (first != passive.end() && is_blocked(**first))
        out.push_back({.method = (*first)->method, .port = (*first)->target->port, .result = (*first)->result});
    out.insert(out.end(), known.rounds.begin(), known.rounds.end());
    return out;
}

round_counts counts_of(const std::vector<port_round>& rounds) {
    round_counts out;
    for (const auto& round : rounds) out.add(round);
    return out;
}

using by_port = std::map<std::uint16_t, round_counts>;

by_port results_of(const std::vector<port_round>& rounds) {
    by_port out;
    for (const auto& round : rounds)
        if (round.port != 0) out[round.port].add(round);
    return out;
}

/// "50000 to 50004 work (5 tried); 50005 to 50009 fail (3 tried)": neighboring ports with the same result are one interval.
std::string intervals_of(const by_port& ports) {
    std::string out;
    for (auto at = ports.begin(); at != ports.end();) {
        const bool works = at->second.failed == 0;
        auto end = at;
        std::uint16_t last = at->first;
        unsigned count = 0;
        for (; end != ports.end() && (end->second.failed == 0) == works; ++end, ++count) last = end->first;
        out += fmt::format("{}{}{} {} ({} tried)", out.empty() ? "" : "; ", at->first,
                           last == at->first ? "" : fmt::format(" to {}", last), works ? "work" : "fail", count);
        at = end;
    }
    return out;
}

bool depends_on_port(const by_port& ports) {
    return std::ranges::none_of(ports, [](const auto& each) { return each.second.worked > 0 && each.second.failed > 0; });
}

/// The number of changes between working and failing in the order of the ports; a partly forwarded range has one or two.
unsigned changes_of(const by_port& ports) {
    unsigned changes = 0;
    std::optional<bool> before;
    for (const auto& [port, results] : ports) {
        const bool works = results.failed == 0;
        if (before && *before != works) ++changes;
        before = works;
    }
    return changes;
}

/// A port that failed twice, and worked after a pause. By chance it would have worked at once in other rounds.
void judge_rate(const facts& known, std::vector<verdict>& out) {
    const auto* const healed = first_of(
        known.rounds, [](const port_round& r) { return r.after_pause == method_result::ok && r.again != r.after_pause; });
    if (healed == nullptr) return;
    if (first_of(known.rounds, [](const port_round& r) { return r.again == method_result::ok; }) != nullptr) return;
    auto found = verdict_of("rate-limit", side::undecided, confidence::possible);
    const auto before = healed - known.rounds.data();
    found.evidence.push_back(fmt::format(
        "after {} connections, port {} failed twice, and worked after a pause of some seconds", before, healed->port));
    out.push_back(std::move(found));
}

/// 421 ends the session; 500 and 502 reject the command itself.
bool lacks_a_port(int code) {
    if (code >= 500) return code != 500 && code != 502;
    return code == 425 || code == 450 || code == 451 || code == 452;
}

void judge_used_up(const facts& known, std::vector<verdict>& out) {
    const auto* const refused = first_of(known.rounds, [](const port_round& r) { return lacks_a_port(r.reply_code); });
    if (refused == nullptr || refused == known.rounds.data()) return;
    auto found = verdict_of("passive-ports-used-up", side::server, confidence::likely);
    found.evidence.push_back(fmt::format("{} was accepted {} times in one session, then refused: {}",
                                         proto::name(refused->method), refused - known.rounds.data(), refused->reply));
    out.push_back(std::move(found));
}

void judge_some_ports(const facts& known, std::vector<verdict>& out) {
    if (has_id(out, {"rate-limit"})) return;
    const auto rounds = all_rounds(known);
    const auto [worked, failed] = counts_of(rounds);
    const auto ports = results_of(rounds);
    if (worked == 0 || failed == 0 || !depends_on_port(ports) || changes_of(ports) > 2) return;
    const bool repeated =
        std::ranges::all_of(ports, [](const auto& each) { return each.second.failed == 0 || each.second.failed > 1; });
    auto found = verdict_of("some-ports-blocked", side::undecided, repeated ? confidence::likely : confidence::possible);
    found.evidence.push_back(intervals_of(ports));
    if (repeated) found.evidence.emplace_back("the ports that fail were tried twice, with the same result");
    if (const auto at = find_break(known)) place(found, *at);
    out.push_back(std::move(found));
}

void judge_by_chance(const facts& known, std::vector<verdict>& out) {
    if (has_id(out, {"rate-limit"})) return;
    const auto rounds = all_rounds(known);
    const auto [worked, failed] = counts_of(rounds);
    const auto ports = results_of(rounds);
    if (worked == 0 || failed == 0 || (depends_on_port(ports) && changes_of(ports) <= 2)) return;
    auto found = verdict_of("fails-by-chance", side::server, confidence::possible);
    found.evidence.push_back(
        fmt::format("{} of {} data connections failed, independent of the port", failed, worked + failed));
    found.evidence.push_back(intervals_of(ports));
    const bool all_refused = std::ranges::all_of(known.rounds, [](const port_round& r) {
        return r.result == method_result::ok || r.result == method_result::refused;
    });
    const auto at = find_break(known);
    if (all_refused && at && at->at_server) {
        found.confidence = confidence::likely;
        place(found, *at);
    }
    out.push_back(std::move(found));
}

void judge_between_methods(const facts& known, std::vector<verdict>& out) {
    if (counts_of(known.rounds).failed > 0) return;
    const auto passive = passive_methods(known);
    for (const auto* const m : passive) {
        if (!is_blocked(*m) || is_explained_by_address(*m, out)) continue;
        const bool same_session_works = std::ranges::any_of(passive, [&](const method_facts* other) {
            return other->tls == m->tls && (is_usable(*other) || other->result == method_result::wrong_address);
        });
        if (!same_session_works) continue;
        if (has_id(out, {"client-override", "helper-blind"})) return;
        auto found = verdict_of("one-method-blocked", side::undecided, confidence::possible);
        for (const auto* const each : passive) found.evidence.push_back(evidence_of(*each));
        if (const auto at = find_break(known)) place(found, *at);
        out.push_back(std::move(found));
        return;
    }
}

}  // namespace

std::span<const rule> port_rules() noexcept {
    static const auto table = std::to_array<rule>({
        {{"hairpin",
          "Client and server are behind the same router, which forwards the control port for connections from its own "
          "network, but not the data ports.",
          "a server one router away, and data ports that this router refuses itself",
          "routers further away; a forward chain that answers with RST",
          "a firewall at the entry of that router, with a server in another network of it",
          "Use the server's private address from its own network; let the server advertise it to clients there "
          "(--external-address with a rule); or let the router forward the passive ports for connections from its own "
          "network as well."},
         judge_hairpin},
        {{"data-ports-dropped", "The login works, but a firewall drops the data connections.",
          "passive attempts without any answer; SYNs with growing TTL to the control port and to the data port",
          "RST and ICMP; hops that do not answer on the control port either; a wrong address in the 227",
          "silence after the last hop: the server's router, its host, or a filter on the way back",
          "Allow the server's passive port range in the firewalls of both sides."},
         judge_dropped},
        {{"data-ports-refused", "The login works, but the data connections are refused.",
          "RST in reply to data connections; the smallest TTL that gets it, and the RST's own TTL", "silence and ICMP",
          "a load balancer, a port that is opened late, a firewall of the host that answers with RST",
          "Server's administrator: forward the passive port range to the server."},
         judge_refused},
        {{"data-ports-rejected", "The login works, but a device rejects the data connections by ICMP.",
          "an ICMP error, and the address of its sender", "silence and RST", "none if the sender's address is known",
          "Allow the server's passive port range in the firewall of that device."},
         judge_rejected},
        {{"rate-limit", "A device or the server limits the rate of new connections.",
          "a port that failed twice and worked after a pause, after several connections", "failures by port or by chance",
          "a short outage; a load balancer",
          "Allow more new connections per second for FTP in the firewalls on the path, or let the client use fewer at a "
          "time."},
         judge_rate},
        {{"passive-ports-used-up", "The server has no passive port left, or refuses further ones for a while.",
          "several negotiations in one session, of which the later ones are refused", "a server that refuses the first one",
          "a limit of commands per session; a rate limit of the server",
          "Server's administrator: enlarge the passive port range, or raise the server's limit of connections."},
         judge_used_up},
        {{"some-ports-blocked", "Only a part of the passive port range can be reached.",
          "rounds of EPSV or PASV with several ports, and ports that failed tried again", "failures by chance",
          "a rate limit that fails after a number of connections",
          "Use the same range in the server's configuration and in its router's port forwarding."},
         judge_some_ports},
        {{"fails-by-chance",
          "Some data connections fail, whatever their port: a load balancer may send them to another node.",
          "rounds in which the same port works and fails, or failures spread over the range", "a partly forwarded range",
          "a rate limit; packet loss",
          "Configure the load balancer to send all connections of a client to the same node (affinity by source address), "
          "for all ports."},
         judge_by_chance},
        {{"one-method-blocked", "The data ports of one passive method are blocked, and those of the other are open.",
          "EPSV and PASV with different results", "rounds that show the port as the cause",
          "a part of the port range that is blocked; a helper that knows one method only",
          "Run the command again with --rounds 20; clients can use the method that works (--data-methods)."},
         judge_between_methods},
    });
    return table;
}

}  // namespace sallyport::diagnosis
