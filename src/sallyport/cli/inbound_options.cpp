#include <sallyport/cli/inbound_options.hpp>

#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_types.hpp>
#include <sallyport/cli/start_report.hpp>

namespace sallyport::cli {

void inbound_options::add_to(CLI::App& command) {
    const auto several = CLI::MultiOptionPolicy::TakeAll;
    add_ports(command, "--passive-ports", passive_ports,
              "Ports for passive data connections; open these in the firewall (default: any free high port)");
    command
        .add_option("--data-port", data_port,
                    "Single-port mode: passive data connections come to the control port itself, or to this one port, and "
                    "a firewall lets in nothing else. By TLS any number of clients behind one address are told apart, "
                    "in the clear one transfer at a time; where that is not enough, ports of --passive-ports are used, if "
                    "given")
        ->type_name("control|PORT");
    command
        .add_option("--external-ports", external_ports,
                    "What the passive ports are outside, where a router forwards other numbers: as many for all of them, or "
                    "OURS=OUTSIDE for one or some; repeatable, the first that names a port counts")
        ->type_name("[A-B=]C-D")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command.add_flag("--grabbed-ports", grabbed_ports,
                     "Use ports of the range too that devices on the way are known to grab for other protocols (5060 SIP, "
                     "2000, 1720, 1723, 554, 6667, ...); they are skipped else");
    command
        .add_option("--external-address", external_addresses,
                    "Address or host name to advertise in PASV replies, where NAT makes it differ; a name is followed as it "
                    "changes, 'reached' is the address the client connected to. RULE= makes it that of some clients: their "
                    "network (10.0.0.0/8), tls or plain, where they connect (:990), joined by commas; the longest network "
                    "counts. Repeatable")
        ->type_name("[RULE=]X")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command
        .add_option(
            "--proxy-from", proxy_from,
            "Balancers in front: control connections from these addresses must begin with a PROXY header (v1 or v2), "
            "which says who the client is; repeatable")
        ->type_name("NETWORK")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command
        .add_option(
            "--allow-missing-close-notify", allow_missing_close_notify,
            "Accept uploads over TLS that end without a TLS close_notify, from all clients or from those that a RULE "
            "selects: their network (10.0.0.0/8), the listener that they connect to (:990), joined by commas. Such "
            "an upload may be truncated unnoticed. Repeatable")
        ->type_name("all|RULE")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command.add_flag("--proxy-data", proxy_data,
                     "They send it on passive data connections too, and clients are told apart by it; without this, data "
                     "connections must come from the clients themselves");
}

result<reach::broker_settings> inbound_options::ports() const {
    reach::broker_settings out{.grabbed_too = grabbed_ports};
    if (passive_ports) out.range = *passive_ports;
    auto outside = reach::external_ports::parse(external_ports, out.range);
    if (!outside) return fail(outside.error().code, "--external-ports: " + outside.error().what);
    out.outside = std::move(*outside);
    if (const auto why = unusable_range(out.range, look_at_machine()); !why.empty())
        return fail(errc::usage, fmt::format("--passive-ports {}: {}", out.range.text(), why));
    return out;
}

result<std::vector<reach::client_condition>> inbound_options::missing_close_notify() const {
    std::vector<reach::client_condition> out;
    for (const auto& text : allow_missing_close_notify) {
        auto rule = text == "all" ? result<reach::client_condition>({}) : reach::client_condition::parse(text);
        if (!rule)
            return fail(rule.error().code,
                        fmt::format("--allow-missing-close-notify {}: {}; or all", text, rule.error().what));
        out.push_back(*rule);
    }
    return out;
}

result<reach::proxy_trust> inbound_options::proxies() const {
    if (proxy_data && proxy_from.empty()) return fail(errc::usage, "--proxy-data: from whom? add --proxy-from NETWORK");
    reach::proxy_trust out{.from = {}, .data = proxy_data};
    for (const auto& text : proxy_from) {
        const auto network = ip_network::parse(text);
        if (!network) {
            return fail(errc::usage, fmt::format("--proxy-from {}: give an address or a network, for example 10.0.0.5 or "
                                                 "10.0.0.0/8 (no bits set behind the prefix)",
                                                 text));
        }
        out.from.push_back(*network);
    }
    return out;
}

std::string inbound_options::ports_beside() const {
    std::string out;
    if (!data_port.empty() && data_port != "control") out += " and " + data_port;
    if (passive_ports) out += " and " + passive_ports->text();
    return out;
}

result<reach::passive_settings> inbound_options::settings() const {
    reach::passive_settings out;
    auto wanted = ports();
    if (!wanted) return std::unexpected(std::move(wanted.error()));
    out.ports = std::move(*wanted);
    auto trusted = proxies();
    if (!trusted) return std::unexpected(std::move(trusted.error()));
    out.ports.proxies = std::move(*trusted);
    if (!data_port.empty()) {
        const auto single = reach::single_port_settings::parse(data_port);
        if (!single) return fail(single.error().code, "--data-port " + single.error().what);
        out.single = *single;
    }
    for (const auto& text : external_addresses) {
        auto rule = reach::address_rule::parse(text);
        if (!rule) return fail(rule.error().code, "--external-address: " + rule.error().what);
        out.addresses.push_back(std::move(*rule));
    }
    return out;
}

}  // namespace sallyport::cli
