#include <sallyport/cli/interception_options.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <net/if.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/help.hpp>
#include <sallyport/firewall/interception_table.hpp>

namespace sallyport::cli {
namespace {

// The highest numbers are those of the system's own tables (main, local) in some programs.
constexpr std::size_t last_route_table = 0x7fffffff;

std::vector<parameter_row> term_rows() {
    std::vector<parameter_row> out;
    for (const auto& each : gate::interception_terms())
        out.push_back({std::string(each.form), std::string(each.default_text), std::string(each.help)});
    return out;
}

/// Without IPv6 on this machine, there are listeners for IPv4 only.
result<std::vector<gate::intercepting_socket>> open_listeners(helper::client& helper, std::size_t rules) {
    std::vector<gate::intercepting_socket> out;
    for (std::size_t rule = 0; rule < rules; ++rule) {
        for (const bool v4 : {true, false}) {
            auto socket = helper.listen_transparent(rule, v4);
            if (socket) {
                out.push_back({rule, std::move(*socket)});
                continue;
            }
            auto& why = socket.error();
            if (!v4 && (why.os == EAFNOSUPPORT || why.os == EADDRNOTAVAIL)) continue;
            if (why.os == EPERM)
                return fail(
                    errc::permission,
                    "--intercept needs the right to configure the network (CAP_NET_ADMIN); start the gateway as root, "
                    "or with AmbientCapabilities=CAP_NET_ADMIN in its systemd unit");
            return std::unexpected(with_option("--intercept", why));
        }
    }
    return out;
}

/// A line of nft or of a shell for the help: indented, and continued in the next one where it is too long.
std::string continued(std::string_view line) {
    constexpr std::size_t width = 76;
    const bool is_comment = line.starts_with('#');
    const auto indent = std::min(line.find_first_not_of(' '), line.size()) + 2;
    std::string out;
    for (const auto part : std::views::split(wrapped(line, width, indent), '\n')) {
        const std::string_view piece(part);
        if (piece.empty()) continue;
        if (out.empty())
            out = piece;
        else
            out += is_comment ? fmt::format("\n  # {}", piece.substr(indent)) : fmt::format(" \\\n  {}", piece);
    }
    return out + '\n';
}

}  // namespace

void interception_options::add_to(command_table& table, std::vector<std::string>& intercept) {
    using firewall::when_down;
    table.add("Interception on a router",
              {{"--intercept", "IF[,IF...][?TERMS]", texts(intercept),
                "Take FTP sessions to other hosts on these interfaces; '*' may end a name", "none", term_rows()},
               {"--server-sees", "client|router",
                choice(server_sees_router, "value", choices<bool>{{"client", false}, {"router", true}}),
                "Connect to servers from the client's address, or from one of this router"},
               {"--when-down", "pass|block",
                choice(down, "value", choices<when_down>{{"pass", when_down::pass}, {"block", when_down::block}}),
                "While no gateway runs: let these connections pass, or drop them"},
               {"--mark", "VALUE/MASK", text(mark), "Bits of packet and connection marks that the gateway may use",
                "bits that are free"},
               {"--route-table", "N", count(route_table, {.max = last_route_table}),
                "Number of a routing table that the gateway may use", "a free one"}});
}

result<std::vector<gate::interception_rule>> interception_rules(const std::vector<std::string>& intercept) {
    std::vector<gate::interception_rule> out;
    for (const auto& text : intercept) {
        auto rule = gate::interception_rule::parse(text);
        if (!rule) return std::unexpected(with_option("--intercept", rule.error()));
        out.push_back(std::move(*rule));
    }
    return out;
}

result<firewall::interception_settings> interception_options::of_kernel(
    const std::vector<gate::interception_rule>& rules) const {
    firewall::interception_settings out;
    for (const auto& rule : rules) out.interceptions.push_back(rule.connections);
    if (!mark.empty()) {
        const auto bits = firewall::mark_bits::parse(mark);
        if (!bits)
            return fail(
                errc::usage,
                fmt::format("--mark {}: not a mark; use VALUE/MASK with bits of the value within the mask, for example "
                            "0x100/0x300",
                            escape(mark, 100)));
        if (!mark.contains('/'))
            return fail(
                errc::usage,
                fmt::format("--mark {}: has no mask, so that the gateway would take all bits of all marks from other "
                            "programs; use VALUE/MASK, for example 0x100/0x300",
                            escape(mark, 100)));
        out.mark = *bits;
    }
    out.route_table = static_cast<std::uint32_t>(route_table.value_or(0));
    out.down = down;
    return out;
}

start_report interception_report(const firewall::interception_settings& of_kernel,
                                 const gate::interception_settings& of_gate,
                                 const std::function<bool(const std::string& name)>& exists) {
    start_report out;
    for (const auto& rule : of_gate.rules) {
        auto ports = rule.connections.ports;
        ports.insert(ports.end(), rule.connections.implicit_ports.begin(), rule.connections.implicit_ports.end());
        out.facts.push_back(
            fmt::format("Interception at {}: control ports {}, TLS {}; your firewall must let these ports in",
                        fmt::join(rule.connections.interfaces, ", "), fmt::join(ports, ", "), name(rule.tls)));
        for (const auto& interface : rule.connections.interfaces) {
            if (!interface.ends_with('*') && !exists(interface))
                out.warnings.push_back(
                    fmt::format("Interface {} does not exist; sessions are intercepted as soon as it does", interface));
        }
    }
    out.facts.push_back(fmt::format("Servers see the address of {}; marks {}, routing table {}",
                                    of_gate.server_sees_router ? "this router" : "the client", of_kernel.mark.text(),
                                    of_kernel.route_table));
    out.facts.emplace_back(of_kernel.down == firewall::when_down::pass
                               ? "While no gateway runs, these connections pass this router without it (--when-down pass)"
                               : "While no gateway runs, these connections are dropped (--when-down block)");
    return out;
}

bool is_of_running_gateway(const firewall::interception_settings& of_kernel) {
    auto found = of_kernel;
    return firewall::take_numbers_of_running_gateway(found).value_or(false);
}

start_report about_interception(const std::optional<firewall::interception_settings>& of_kernel,
                                const gate::interception_settings& of_gate, std::vector<std::string> conflicts) {
    if (!of_kernel) return {.facts = {}, .warnings = std::move(conflicts)};
    auto out =
        interception_report(*of_kernel, of_gate, [](const std::string& one) { return ::if_nametoindex(one.c_str()) != 0; });
    if (is_of_running_gateway(*of_kernel)) out.facts.emplace_back(running_gateway_text);
    // Without the right to list tables, the gateway does not start either.
    for (const auto& table : firewall::blocking_tables().value_or(std::vector<std::string>()))
        out.warnings.push_back(
            fmt::format("Table {} blocks connections while no gateway runs (--when-down block). If it is not of another "
                        "gateway that runs now, one was killed; 'nft delete table inet {}' removes it",
                        table, table));
    std::ranges::move(conflicts, std::back_inserter(out.warnings));
    return out;
}

void use_helper_for(gate::interception_settings& to, helper::client& helper) {
    to.machine = &helper;
    to.listen = [&helper, rules = to.rules.size()] { return open_listeners(helper, rules); };
    to.start = [&helper] { return helper.start_interception(); };
    to.pass_ports = [&helper](std::size_t rule, int client, int backend) {
        return helper.pass_ports(rule, client, backend);
    };
    to.end_passing = [&helper](std::uint32_t number) { return helper.end_passing(number); };
    to.passed_data_moved = [&helper](std::uint32_t number) { return helper.passed_data_moved(number); };
    to.dropped_requests = [&helper] { return helper.dropped_requests(); };
}

std::string plan_text(const firewall::interception_settings& of_kernel, firewall::firewall_format format) {
    const auto made = firewall::text_of(of_kernel);
    const auto own = firewall::administrator_rules(of_kernel, format);
    auto out = fmt::format(
        "# The gateway makes this table (nft), and removes it when it ends. Ports of listeners are examples.\n"
        "{}\n# It makes these routes (ip), and removes them when it ends.\n{}",
        made.rules, made.routes);
    if (!made.blocking.empty())
        out += fmt::format(
            "\n# --when-down block: this table stays while no gateway runs, also after kill -9; an orderly end of the "
            "gateway\n# removes it, and so does \"nft delete table inet NAME\".\n{}",
            made.blocking);
    out += "\n# Your own firewall must let in the control connections, since they pass its input chain:\n";
    for (const auto& line : own.input) out += line + '\n';
    out += "\n# Its forward chain needs no change if it accepts related connections (ct state related).";
    if (!own.forward_without_related.empty()) out += " Otherwise:";
    out += '\n';
    for (const auto& line : own.forward_without_related) out += line + '\n';
    const bool passes_ports = std::ranges::any_of(of_kernel.interceptions,
                                                  [](const firewall::interception& i) { return i.passed_ports.first != 0; });
    if (!passes_ports) return out;
    out += own.forward_without_related.empty()
               ? "\n# passthrough=: firewalld cannot match the gateway's packet mark; allow these ports in a policy.\n"
               : "\n# passthrough= needs that line in any case: a conntrack expectation covers a single port.\n";
    return out;
}

std::string rules_help() {
    const firewall::interception example{.interfaces = {"IF"}, .listeners = {example_port, example_port}};
    const auto text = plan_text({.interceptions = {example}, .mark = {0x10000000, 0x30000000}, .route_table = 8300},
                                firewall::firewall_format::nftables);
    std::string out;
    for (const auto line : std::views::split(text, '\n')) out += continued(std::string_view(line));
    return out;
}

}  // namespace sallyport::cli
