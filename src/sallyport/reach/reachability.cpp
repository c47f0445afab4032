#include <sallyport/reach/reachability.hpp>

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sallyport::reach {
namespace {

const ip_network carrier_nat = *ip_network::parse("100.64.0.0/10");
// Networks with such addresses are laboratories, or configured from an example.
const std::array documentation{*ip_network::parse("192.0.2.0/24"), *ip_network::parse("198.51.100.0/24"),
                               *ip_network::parse("203.0.113.0/24"), *ip_network::parse("2001:db8::/32")};

/// Why hosts on the Internet cannot have this address for their connections; empty for a public one.
std::string_view why_not_public(const ip_address& address) noexcept {
    if (carrier_nat.contains(address)) return "an address of a carrier's NAT (100.64.0.0/10)";
    if (address.is_private()) return "a private address";
    if (std::ranges::any_of(documentation, [&address](const auto& n) { return n.contains(address); }))
        return "an address for documentation";
    if (!address.is_public()) return "not an address of a host on the Internet";
    return {};
}

/// The addresses that STUN servers saw.
std::set<ip_address> seen_addresses(const std::vector<stun_observation>& seen) {
    std::set<ip_address> out;
    for (const auto& each : seen) out.insert(each.external.address);
    return out;
}

std::string text_of(const std::set<ip_address>& addresses) {
    std::vector<std::string> out;
    for (const auto& each : addresses) out.push_back(each.text());
    return fmt::format("{}", fmt::join(out, " and "));
}

port_choice choice_of_ports(const std::vector<stun_observation>& seen) {
    if (seen.empty()) return port_choice::unknown;
    const auto changes = [](const stun_observation& one) { return one.external.port != one.local.port; };
    if (std::ranges::none_of(seen, changes)) return port_choice::kept;
    // Over UDP all servers were asked from one port.
    std::set<std::uint16_t> external;
    for (const auto& each : seen) {
        if (!each.over_tcp) external.insert(each.external.port);
    }
    return external.size() > 1 ? port_choice::changed_for_each_server : port_choice::changed;
}

std::string ipv6_hint(const reachability_facts& facts) {
    if (!facts.own_ipv6) return {};
    return fmt::format(" Over IPv6 there is no NAT: clients with IPv6 can use {} if the router's firewall admits them.",
                       facts.own_ipv6->text());
}

/// What was found about the addresses of one router, which speaks `protocols`, or none.
class verdict {
public:
    explicit verdict(const reachability_facts& facts) : facts_(facts), seen_(answers_of(facts.stun)) {
        for (const auto& each : facts.answers) {
            if (each.is_spoken) protocols_.emplace_back(display_name(each.protocol));
            if (each.external && !router_address_) router_address_ = each.external;
        }
        agreed_ = agreed_address(seen_, router_address_);
        addresses_ = seen_addresses(seen_);
    }

    reachability_report judge() {
        report_.ports = choice_of_ports(seen_);
        if (!facts_.own && facts_.own_ipv6)
            judge_ipv6_alone();
        else if (!facts_.own)
            conclude(reachability::offline, "This machine has no default route, so no host on the Internet can reach it.",
                     "Connect it to a network, or add a default route.");
        else if (is_internet_address(*facts_.own) && (addresses_.empty() || addresses_.contains(*facts_.own)))
            judge_direct();
        else if (router_address_ && !is_internet_address(*router_address_))
            judge_private_router();
        else if (!router_address_ && std::ranges::any_of(facts_.answers, &router_answer::lacks_address))
            judge_router_without_address();
        else if (addresses_.size() > 1 && !agreed_)
            judge_different_servers();
        else if (router_address_ && !addresses_.empty() && !addresses_.contains(*router_address_))
            judge_other_address();
        else if (protocols_.empty())
            judge_silent_router();
        else
            judge_mapping_router();
        return std::move(report_);
    }

private:
    void conclude(reachability kind, std::string finding, std::string next_step) {
        report_.kind = kind;
        report_.finding = std::move(finding);
        report_.next_step = std::move(next_step);
    }

    void judge_ipv6_alone() {
        report_.external = facts_.own_ipv6;
        conclude(
            reachability::direct,
            fmt::format("This machine has no default route for IPv4. It has the public IPv6 address {}, and there is no NAT "
                        "for IPv6.",
                        facts_.own_ipv6->text()),
            "Clients with IPv6 can connect: open the control port and the passive ports in the firewalls between this "
            "machine and the Internet, or start the daemon with --map, which asks the router to open them.");
    }

    void judge_direct() {
        report_.external = facts_.own;
        conclude(reachability::direct,
                 fmt::format("This machine has the public address {}; there is no NAT.", facts_.own->text()),
                 "Open the control port and the passive ports in the firewalls between this machine and the Internet. "
                 "--map is not needed.");
    }

    void judge_private_router() {
        conclude(reachability::nested_nat,
                 fmt::format("There is more than one NAT: the external address of the router, {}, is {}.",
                             router_address_->text(), why_not_public(*router_address_)),
                 nested_step());
    }

    void judge_router_without_address() {
        report_.external = agreed_;
        if (addresses_.empty())
            conclude(
                reachability::nested_nat,
                "The router has no external address that it maps ports of: it is not connected, or there is another NAT "
                "between it and the Internet.",
                nested_step());
        else
            conclude(reachability::nested_nat,
                     fmt::format(
                         "There is more than one NAT: the router has no public address, and hosts on the Internet see {}.",
                         text_of(addresses_)),
                     nested_step());
    }

    void judge_different_servers() {
        conclude(
            reachability::contradictory,
            fmt::format("The STUN servers see different addresses of this machine: {}. Either the NAT has several, or a "
                        "server is wrong.",
                        text_of(addresses_)),
            "Ask other servers with --stun, or set --external-address to the address that the provider has assigned.");
    }

    void judge_other_address() {
        if (!agreed_) {
            conclude(
                reachability::contradictory,
                fmt::format("The router's external address is {}, but one STUN server sees {}. Either there is another NAT "
                            "between the router and the Internet, or that server is wrong.",
                            router_address_->text(), text_of(addresses_)),
                "Name a second server with --stun, which decides it.");
            return;
        }
        report_.external = agreed_;
        conclude(
            reachability::nested_nat,
            fmt::format("There is more than one NAT: the router's external address is {}, but hosts on the Internet see {}.",
                        router_address_->text(), agreed_->text()),
            nested_step());
    }

    void judge_silent_router() {
        report_.external = agreed_;
        const auto where = agreed_              ? fmt::format(" Hosts on the Internet see {}.", agreed_->text())
                           : addresses_.empty() ? std::string(" Its external address is not known.")
                                                : fmt::format(" One STUN server sees {}.", text_of(addresses_));
        const bool is_example = facts_.own->is_public() && !is_internet_address(*facts_.own);
        const auto own = is_example ? fmt::format("The address of this machine, {}, is {}. ", facts_.own->text(),
                                                  why_not_public(*facts_.own))
                                    : std::string();
        conclude(reachability::forwarding_needed,
                 fmt::format("{}The router{} maps no ports on request: neither PCP nor NAT-PMP nor UPnP has an answer.{}",
                             own, facts_.router ? " " + facts_.router->text() : "", where),
                 fmt::format(
                     "Enable one of them at the router, or forward the control port and the passive ports there to {} and "
                     "set --external-address.{}",
                     facts_.own->text(), ipv6_hint(facts_)));
    }

    void judge_mapping_router() {
        report_.external = router_address_ ? router_address_ : agreed_;
        const auto address =
            report_.external ? fmt::format("; its external address is {}", report_.external->text()) : std::string();
        const auto confirmed = agreed_ ? ", which STUN servers see too" : "";
        conclude(reachability::mapped,
                 fmt::format("The router maps ports on request by {}{}{}.", fmt::join(protocols_, ", "), address, confirmed),
                 "Start the daemon with --map.");
    }

    [[nodiscard]] std::string nested_step() const {
        return "Port mappings at this router alone do not help. Forward the ports at the other router as well, or ask the "
               "provider for a public address." +
               ipv6_hint(facts_);
    }

    const reachability_facts& facts_;
    std::vector<stun_observation> seen_;
    std::vector<std::string> protocols_;
    std::optional<ip_address> router_address_;
    std::optional<ip_address> agreed_;
    std::set<ip_address> addresses_;
    reachability_report report_;
};

}  // namespace

reachability_report judge(const reachability_facts& facts) { return verdict(facts).judge(); }

bool is_internet_address(const ip_address& address) noexcept { return why_not_public(address).empty(); }

std::string_view name(reachability kind) noexcept {
    switch (kind) {
        case reachability::offline: return "offline";
        case reachability::direct: return "direct";
        case reachability::mapped: return "mapped";
        case reachability::forwarding_needed: return "forwarding-needed";
        case reachability::nested_nat: return "nested-nat";
        case reachability::contradictory: return "contradictory";
    }
    return {};
}

std::string_view name(port_choice ports) noexcept {
    switch (ports) {
        case port_choice::unknown: return "unknown";
        case port_choice::kept: return "kept";
        case port_choice::changed: return "changed";
        case port_choice::changed_for_each_server: return "changed-for-each-server";
    }
    return {};
}

}  // namespace sallyport::reach
