#include <sallyport/diagnosis/server_rules.hpp>

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ports.hpp>
#include <sallyport/diagnosis/published_rules.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

constexpr std::size_t max_listed = 5;

[[nodiscard]] bool has_range(const server_facts& known) { return known.passive && known.passive_ports.first != 0; }

void judge_contradictions(const server_facts& known, std::vector<verdict>& out) {
    if (known.contradictions.empty()) return;
    auto found = verdict_of("server-settings-contradict", side::server_config, confidence::certain);
    found.evidence = known.contradictions;
    out.push_back(std::move(found));
}

void judge_ports_in_use(const server_facts& known, std::vector<verdict>& out) {
    if (!has_range(known)) return;
    std::vector<std::string> evidence;
    std::size_t count = 0;
    // The server's own sockets listen on these ports too, while clients use them.
    bool is_other = false;
    for (const auto& each : known.host.listeners) {
        if (!known.passive_ports.contains(each.at.port) ||
            (!known.program.empty() && each.program.starts_with(known.program)))
            continue;
        is_other = is_other || (!known.program.empty() && !each.program.empty());
        if (++count <= max_listed)
            evidence.push_back(fmt::format("{} listens on {}",
                                           each.program.empty() ? "a program that this user may not see" : each.program,
                                           each.at.text()));
    }
    if (count == 0) return;
    if (count > max_listed) evidence.push_back(fmt::format("and {} more", count - max_listed));
    auto found =
        verdict_of("passive-port-in-use", side::server_config, is_other ? confidence::certain : confidence::possible,
                   known.program == "sallyport" || !is_other ? severity::note : severity::problem);
    if (!is_other)
        evidence.push_back(known.program.empty() ? "it may be the server itself: the server's program is not known"
                                                 : "it may be the server itself; root sees the programs of all sockets");
    found.evidence = std::move(evidence);
    out.push_back(std::move(found));
}

void judge_ephemeral(const server_facts& known, std::vector<verdict>& out) {
    if (!has_range(known) || known.host.ephemeral.first == 0) return;
    const auto used_by_system = [&](std::uint32_t number) {
        const auto port = static_cast<std::uint16_t>(number);
        return known.host.ephemeral.contains(port) &&
               std::ranges::none_of(known.host.reserved, [port](const port_range& r) { return r.contains(port); });
    };
    for (std::uint32_t port = known.passive_ports.first; port <= known.passive_ports.last; ++port) {
        if (!used_by_system(port)) continue;
        auto found = verdict_of("ephemeral-overlap", side::server_config, confidence::certain);
        found.evidence.push_back(fmt::format("the passive ports are {}, and the system uses {} for outgoing connections",
                                             known.passive_ports.text(), known.host.ephemeral.text()));
        found.rules.push_back(fmt::format("sysctl -w net.ipv4.ip_local_reserved_ports={}", known.passive_ports.text()));
        out.push_back(std::move(found));
        return;
    }
}

/// The address that clients from outside get in a 227, if it is certain that they cannot use it.
void judge_advertised(const server_facts& known, std::vector<verdict>& out) {
    if (!known.passive) return;
    const bool has_public = std::ranges::any_of(known.host.addresses, &ip_address::is_public);
    if (!known.external_address.empty()) {
        const auto address = ip_address::parse(known.external_address);
        if (!address || address->is_public()) return;
        auto found =
            verdict_of("private-address", side::server_config, has_public ? confidence::likely : confidence::possible,
                       has_public ? severity::problem : severity::note);
        found.cause = fmt::format("Clients get {} in 227 replies, which the Internet does not route.", address->text());
        found.evidence.push_back(fmt::format("the configured address is {}", address->text()));
        out.push_back(std::move(found));
        return;
    }
    const auto other =
        std::ranges::find_if(known.host.addresses, [](const ip_address& a) { return a.is_v4() && !a.is_loopback(); });
    if (has_public || other == known.host.addresses.end()) return;
    const bool container = !known.host.container.empty();
    auto found = verdict_of(container ? "container-address" : "private-address", side::server_config, confidence::possible,
                            container ? severity::problem : severity::note);
    found.cause =
        container ? fmt::format("Clients from outside the container's network get its private address {} in 227 replies.",
                                other->text())
                  : fmt::format("Clients that reach this host through a router get its private address {} in 227 replies.",
                                other->text());
    found.evidence.push_back("no external address is configured, and no address of this host is public");
    if (container) found.evidence.push_back(fmt::format("this is a container ({})", known.host.container));
    out.push_back(std::move(found));
}

void judge_own_firewall(const server_facts& known, std::vector<verdict>& out) {
    if (!known.host.blocked) return;
    const auto concerns = [&](const blocked_range& b) {
        return std::ranges::any_of(known.control_ports, [&b](std::uint16_t port) { return b.ports.contains(port); }) ||
               (has_range(known) && b.ports.first <= known.passive_ports.last && b.ports.last >= known.passive_ports.first);
    };
    for (const bool depends : {false, true}) {
        std::vector<std::string> evidence;
        for (const auto& b : *known.host.blocked) {
            if (b.depends != depends || !concerns(b)) continue;
            if (evidence.size() < max_listed)
                evidence.push_back(fmt::format("{} {} TCP {} ({}): {}", b.place, b.rejects ? "rejects" : "drops",
                                               b.ports.text(), b.v4 ? "IPv4" : "IPv6", b.rule));
        }
        if (evidence.empty()) continue;
        auto found = verdict_of("own-firewall-blocks", side::server, depends ? confidence::possible : confidence::certain,
                                depends ? severity::note : severity::problem);
        if (depends) found.cause = "The packet filter of this host accepts these ports for some clients or interfaces only.";
        found.evidence = std::move(evidence);
        out.push_back(std::move(found));
    }
}

/// New connections to the passive ports pass by "related" alone.
[[nodiscard]] bool relies_on_helper(const server_facts& known) {
    if (!known.host.blocked || !known.host.accepts_related || !has_range(known)) return false;
    return std::ranges::any_of(*known.host.blocked, [&](const blocked_range& b) {
        return !b.depends && b.ports.first <= known.passive_ports.first && b.ports.last >= known.passive_ports.last;
    });
}

void judge_helper(const server_facts& known, std::vector<verdict>& out) {
    if (known.host.helper_rules.empty()) {
        if (!relies_on_helper(known)) return;
        auto found = verdict_of("helper-missing", side::server, confidence::likely);
        found.evidence.emplace_back("the packet filter accepts related connections, and no others to the passive ports");
        found.evidence.emplace_back("no rule assigns the helper \"ftp\" to control connections");
        out.push_back(std::move(found));
        return;
    }
    if (known.tls != true) return;
    const bool relied_on = relies_on_helper(known);
    auto found = verdict_of("helper-useless", side::server, relied_on ? confidence::likely : confidence::possible,
                            relied_on ? severity::problem : severity::note);
    for (const auto& rule : known.host.helper_rules)
        if (found.evidence.size() < max_listed) found.evidence.push_back(rule);
    found.evidence.emplace_back("the server offers TLS, which the helper cannot read");
    out.push_back(std::move(found));
}

void judge_conntrack(const server_facts& known, std::vector<verdict>& out) {
    if (!known.host.conntrack_timeout) return;
    const auto timeout = *known.host.conntrack_timeout;
    // Long transfers are common; sessions that are idle for a day are not.
    constexpr std::int64_t long_enough = 24 * 60 * 60;
    if (timeout >= long_enough || (known.keepalive && *known.keepalive < timeout)) return;
    auto found = verdict_of("conntrack-forgets", side::server, confidence::likely,
                            known.keepalive ? severity::problem : severity::note);
    found.evidence.push_back(fmt::format("nf_conntrack_tcp_timeout_established is {} s", timeout));
    found.evidence.push_back(known.keepalive ? fmt::format("the first TCP keepalive is sent after {} s", *known.keepalive)
                                             : std::string("the server sends no TCP keepalive on control connections"));
    out.push_back(std::move(found));
}

void judge_size(const server_facts& known, std::vector<verdict>& out) {
    if (!has_range(known) || !known.port_per_session) return;
    constexpr std::uint32_t small = 10;
    const auto ports = known.passive_ports.size();
    if (known.max_sessions ? *known.max_sessions <= ports : ports >= small) return;
    auto found = verdict_of("passive-range-small", side::server_config, confidence::possible, severity::note);
    found.evidence.push_back(known.max_sessions ? fmt::format("the server's limit of sessions is {}, with {} passive port{}",
                                                              *known.max_sessions, ports, ports == 1 ? "" : "s")
                                                : fmt::format("there {} {} passive port{}", ports == 1 ? "is" : "are", ports,
                                                              ports == 1 ? "" : "s"));
    out.push_back(std::move(found));
}

void judge_alg_ports(const server_facts& known, std::vector<verdict>& out) {
    if (!has_range(known) || known.leaves_out_alg_ports) return;
    std::vector<std::uint32_t> inside;
    for (std::uint32_t port = known.passive_ports.first; port <= known.passive_ports.last; ++port)
        if (is_alg_port(static_cast<std::uint16_t>(port))) inside.push_back(port);
    if (inside.empty()) return;
    auto found = verdict_of("alg-port-in-range", side::server_config, confidence::possible, severity::note);
    found.evidence.push_back(
        fmt::format("the passive ports {} contain {}", known.passive_ports.text(), fmt::join(inside, ", ")));
    out.push_back(std::move(found));
}

void judge_half_open(const server_facts& known, std::vector<verdict>& out) {
    if (known.host.half_open.empty()) return;
    auto found = verdict_of("answers-lost", side::undecided, confidence::likely);
    found.evidence.push_back(fmt::format(
        "connections to port {} are half open: the client's SYN arrived, and the answer to the server's SYN-ACK did not",
        known.host.half_open.front()));
    out.push_back(std::move(found));
}

void judge_no_range(const server_facts& known, std::vector<verdict>& out) {
    if (!known.passive || known.passive_ports.first != 0) return;
    auto found = verdict_of("passive-range-missing", side::server_config, confidence::possible, severity::note);
    found.evidence.push_back(known.host.ephemeral.first == 0
                                 ? "any port may be used"
                                 : fmt::format("any port of {} may be used", known.host.ephemeral.text()));
    out.push_back(std::move(found));
}

}  // namespace

std::span<const explanation> server_explanations() noexcept {
    static constexpr auto table = std::to_array<explanation>({
        {"server-settings-contradict", "The configuration contradicts itself.", "the server's configuration", "-", "-",
         "Correct the settings that are named."},
        {"passive-port-in-use", "Another program listens on a port of the passive range.",
         "the listening sockets of the server's host", "sockets of the server itself", "-",
         "Stop the other program, give it another port, or choose another passive range. Some servers end the session when "
         "they meet such a port."},
        {"ephemeral-overlap", "The system uses ports of the passive range for outgoing connections.",
         "the passive range and net.ipv4.ip_local_port_range", "ports in net.ipv4.ip_local_reserved_ports", "-",
         "Reserve the range with net.ipv4.ip_local_reserved_ports, or choose another one, such as 30000-30099."},
        {"own-firewall-blocks", "The packet filter of the server's host blocks ports of the server.",
         "the rules of nftables and iptables on the server's host",
         "rules that cannot match new connections from other hosts", "-",
         "Add the rules that 'sallyport firewall' prints for this configuration."},
        {"helper-missing", "The packet filter relies on the kernel's FTP helper, and no rule assigns it.",
         "rules that accept related connections only", "an assignment of the helper, by rule or by kernel setting",
         "a helper on another machine",
         "Open the passive range in the packet filter ('sallyport firewall'), which also works with TLS. Since Linux 6.0, a "
         "helper needs a rule: 'ct helper set' or '-j CT --helper ftp'."},
        {"helper-useless", "The kernel's FTP helper is assigned to control connections that TLS hides from it.",
         "an assignment of the helper, and a server with TLS", "a server without TLS", "-",
         "Open the passive range in the packet filter ('sallyport firewall') and remove the assignment."},
        {"conntrack-forgets",
         "The host's connection tracking drops the state of idle control connections before a keepalive is sent.",
         "nf_conntrack_tcp_timeout_established and the server's keepalive", "a keepalive that is sent earlier", "-",
         "Send keepalives earlier (--keepalive-idle of Sallyport), or raise nf_conntrack_tcp_timeout_established."},
        {"passive-range-small", "The passive range has fewer ports than sessions may need.",
         "the passive range and the maximum number of sessions", "servers that share a port among clients", "-",
         "Enlarge the passive range."},
        {"passive-range-missing", "No passive range is configured, so a firewall has to allow all high ports.",
         "the server's configuration", "-", "-", "Configure a passive range, and open it in the firewall."},
        {"alg-port-in-range", "The passive range contains ports that routers inspect for other protocols.",
         "the passive range", "-", "-", "Choose a range without them, such as 30000-30099."},
        {"published-ports-many",
         "So many ports of a container are published that it takes minutes to start, and much memory.",
         "the ports in a file of Docker Compose or Kubernetes", "-", "-",
         "Use fewer passive ports: Sallyport shares one among clients of different addresses, so 10 to 100 suffice. "
         "--single-port needs one, and the host's network (network_mode: host) none to be published."},
        {"published-ports-missing", "Ports of the passive range are not published for the server's container.",
         "the passive range (--ports), and the published ports", "a container in the host's network", "-",
         "Publish the whole range. A Service of Kubernetes has no ranges, so it needs an entry for each port."},
        {"published-ports-renumbered",
         "Passive ports have other numbers outside the container, and clients get those inside.", "the published ports",
         "ports that are not in the passive range (--ports)",
         "a server that knows the outside numbers (--external-ports of Sallyport)",
         "Publish them with the same numbers, or name the outside ones in the server's configuration (--external-ports)."},
        {"answers-lost", "A client's connection arrives, and the server's answer is lost on its way back.",
         "half-open connections on the server's host", "a SYN that does not arrive", "forged SYNs of an attack",
         "Look for a firewall between the server and this client that drops outgoing packets, and for a second route."},
    });
    return table;
}

std::vector<verdict> judge(const server_facts& known) {
    std::vector<verdict> out;
    for (const auto rule :
         {judge_contradictions, judge_own_firewall, judge_advertised, judge_ports_in_use, judge_ephemeral, judge_helper,
          judge_conntrack, judge_half_open, judge_no_range, judge_size, judge_alg_ports, judge_published_ports})
        rule(known, out);
    sort_by_weight(out);
    return out;
}

}  // namespace sallyport::diagnosis
