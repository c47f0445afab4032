#include <sallyport/firewall/platform_rules.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sallyport::firewall {
namespace {

// Docker and Kubernetes make rules, and Docker a process, for each published port.
constexpr std::uint32_t many_ports = 500;
constexpr auto advice_for_many =
    "# Each published port costs memory and time at the start. A smaller --passive-ports or --single-port needs fewer.";

[[nodiscard]] std::vector<port_range> ports_of(const firewall_needs& needs, connection_direction direction) {
    std::vector<port_range> out;
    for (const auto& c : needs.connections)
        if (c.direction == direction) out.insert(out.end(), c.to.begin(), c.to.end());
    return merged(std::move(out));
}

[[nodiscard]] std::uint32_t count(const std::vector<port_range>& ports) {
    std::uint32_t out = 0;
    for (const auto& range : ports) out += range.size();
    return out;
}

/// The peer, or every host, as networks of each family.
[[nodiscard]] std::string aws_networks(const firewall_needs& needs, const std::string& purpose) {
    std::vector<std::string> out;
    const auto add = [&](std::string_view list, std::string_view key, const std::string& network) {
        out.push_back(fmt::format(R"("{}":[{{"{}":"{}","Description":"{}"}}])", list, key, network, purpose));
    };
    if (needs.has_family(true)) add("IpRanges", "CidrIp", needs.peer ? needs.peer->text() + "/32" : "0.0.0.0/0");
    if (needs.has_family(false)) add("Ipv6Ranges", "CidrIpv6", needs.peer ? needs.peer->text() + "/128" : "::/0");
    return fmt::format("{}", fmt::join(out, ","));
}

void add_policy(std::vector<std::string>& out, const firewall_needs& needs, connection_direction direction) {
    const auto ports = ports_of(needs, direction);
    if (ports.empty()) return;
    const bool in = direction == connection_direction::incoming;
    if (!out.empty()) out.emplace_back("---");
    if (!in)
        out.emplace_back(
            "# This policy allows look-ups of names too. It blocks all other outgoing connections of the pods unless "
            "another policy allows them.");
    for (const auto* line : {"apiVersion: networking.k8s.io/v1", "kind: NetworkPolicy", "metadata:"}) out.emplace_back(line);
    out.push_back(fmt::format("  name: ftp-{}", in ? "incoming" : "outgoing"));
    for (const auto* line : {"spec:", "  podSelector:", "    matchLabels:", "      app: sallyport"}) out.emplace_back(line);
    out.push_back(fmt::format("  policyTypes: [{}]", in ? "Ingress" : "Egress"));
    out.push_back(in ? "  ingress:" : "  egress:");
    out.emplace_back("    - ports:");
    for (const auto& range : ports)
        out.push_back(fmt::format("        - {{protocol: TCP, port: {}{}}}", range.first,
                                  range.first == range.last ? "" : fmt::format(", endPort: {}", range.last)));
    if (needs.peer) {
        out.push_back(in ? "      from:" : "      to:");
        out.push_back(
            fmt::format("        - ipBlock: {{cidr: \"{}/{}\"}}", needs.peer->text(), needs.peer->is_v4() ? 32 : 128));
    }
    if (in) return;
    for (const auto* line : {"    - ports:", "        - {protocol: UDP, port: 53}", "        - {protocol: TCP, port: 53}"})
        out.emplace_back(line);
}

void add_service(std::vector<std::string>& out, const std::vector<port_range>& ports) {
    out.emplace_back("---");
    if (count(ports) > many_ports) out.emplace_back(advice_for_many);
    for (const auto* line : {"apiVersion: v1", "kind: Service", "metadata:", "  name: ftp", "spec:", "  type: LoadBalancer",
                             "  # Keeps the addresses of clients, by which data connections are matched to sessions.",
                             "  externalTrafficPolicy: Local", "  # All connections of a client must reach the same pod.",
                             "  sessionAffinity: ClientIP", "  selector:", "    app: sallyport", "  ports:"})
        out.emplace_back(line);
    for (const auto& range : ports)
        for (std::uint32_t port = range.first; port <= range.last; ++port)
            out.push_back(fmt::format("    - {{name: ftp-{0}, protocol: TCP, port: {0}, targetPort: {0}}}", port));
}

}  // namespace

std::vector<std::string> aws_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    bool by_source = false;
    for (const auto& c : needs.connections) {
        by_source = by_source || !c.from.empty();
        std::vector<std::string> permissions;
        for (const auto& range : c.to)
            permissions.push_back(fmt::format(R"({{"IpProtocol":"tcp","FromPort":{},"ToPort":{},{}}})", range.first,
                                              range.last, aws_networks(needs, c.purpose)));
        out.push_back(fmt::format("aws ec2 authorize-security-group-{} --group-id \"$GROUP\" --ip-permissions '[{}]'",
                                  c.is_incoming() ? "ingress" : "egress", fmt::join(permissions, ",")));
    }
    if (by_source)
        out.emplace_back("# Security groups cannot match source ports. They allow all outgoing connections by default.");
    return out;
}

std::vector<std::string> kubernetes_lines(const firewall_needs& needs) {
    std::vector<std::string> out;
    add_policy(out, needs, connection_direction::incoming);
    const auto incoming = ports_of(needs, connection_direction::incoming);
    if (needs.of_server && !incoming.empty()) add_service(out, incoming);
    add_policy(out, needs, connection_direction::outgoing);
    return out;
}

std::vector<std::string> docker_lines(const firewall_needs& needs) {
    const auto ports = ports_of(needs, connection_direction::incoming);
    std::vector<std::string> out;
    if (!ports.empty() && needs.of_server) {
        if (count(ports) > many_ports) out.emplace_back(advice_for_many);
        for (const auto* line : {"services:", "  sallyport:", "    image: sallyport", "    ports:"}) out.emplace_back(line);
        for (const auto& range : ports) out.push_back(fmt::format("      - \"{0}:{0}/tcp\"", range.text()));
    } else if (!ports.empty()) {
        out.emplace_back("# Active mode does not work from a container with a network of its own; use network_mode: host.");
    }
    if (!ports_of(needs, connection_direction::outgoing).empty())
        out.emplace_back("# Docker allows all outgoing connections of containers.");
    return out;
}

}  // namespace sallyport::firewall
