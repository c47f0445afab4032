// sallyport firewall: prints the rules that firewalls need for a server or gateway, or for its clients.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/plan_command.hpp>
#include <sallyport/cli/port_needs.hpp>
#include <sallyport/cli/port_options.hpp>
#include <sallyport/firewall/rule_formats.hpp>

namespace sallyport::cli {
namespace {

struct firewall_options {
    port_options ports;
    firewall::firewall_format format = firewall::firewall_format::nftables;
    bool of_client = false;
    bool active = false;
    std::string address;

    void add_to(CLI::App& command);
    [[nodiscard]] result<std::string> text(CLI::App& command);
};

void firewall_options::add_to(CLI::App& command) {
    command_table table;
    auto known = not_in_file(choice(format, "format", format_choices(firewall::rule_formats())));
    const auto names = list_of(known.known);
    table.add("Output", {{"--for", "FORMAT", std::move(known), names},
                         {"--side", "server|client",
                          not_in_file(choice(of_client, "side", choices<bool>{{"server", false}, {"client", true}})),
                          "Rules for the server's firewall, or for that of its clients"},
                         {"--address", "ADDR", not_in_file(cli::text(address)),
                          "Address of the server, for the rules of clients and of devices in front of it",
                          "that of a listener or an interface; clients: any"},
                         {"--active", "", not_in_file(flag(active)), "With --side client: also for active mode"}});
    ports.add_to(table);
    table.notes =
        "Nothing is changed. Rules for a router on which 'sallyport gate --intercept' runs: 'sallyport gate plan'.\n\n"
        "Examples:\n"
        "  sallyport firewall --config /etc/sallyport/serve.toml --for ufw\n"
        "  sallyport firewall --listen 0.0.0.0:21 --passive-ports 30000-30099 \\\n"
        "    --side client --address 203.0.113.7\n\n"
        "Exit codes: 0 success, 2 invalid options or configuration.";
    set_table(command, std::move(table));
}

/// The address of the server for devices in front of it: the one that it listens on, or one of this machine.
std::optional<ip_address> address_of(const report_input& s, const machine_facts& m) {
    for (const auto* list : {&s.listen, &s.listen_tls})
        for (const auto& e : *list)
            if (!e.address.is_unspecified() && !e.address.is_loopback()) return e.address;
    const auto other = [](const ip_address& a) { return !a.is_loopback(); };
    const auto found = std::ranges::find_if(m.addresses, other);
    return found == m.addresses.end() ? std::nullopt : std::optional(*found);
}

result<std::string> firewall_options::text(CLI::App& command) {
    const auto subject = ports.subject(command);
    if (!subject) return std::unexpected(subject.error());
    std::optional<ip_address> server;
    if (!address.empty()) {
        server = ip_address::parse(address);
        if (!server)
            return fail(errc::usage, fmt::format("--address {}: not an address; use one such as 203.0.113.7 or 2001:db8::7",
                                                 escape(address, 100)));
    }
    if (active && !of_client)
        return fail(errc::usage,
                    "--active is for --side client; the server's rules have active mode unless --no-active is set");
    const auto machine = read_machine_facts();
    auto needs = of_client ? client_needs(*subject, machine, active) : server_needs(*subject, machine);
    if (needs.connections.empty())
        return fail(errc::usage,
                    "no listener is configured; add --listen ADDR:PORT, or use 'sallyport gate plan' for --intercept alone");
    const auto any_port = [](const firewall::allowed_connections& c) {
        return std::ranges::any_of(c.to, [](const port_range& range) { return range.first == 0; });
    };
    if (std::ranges::any_of(needs.connections, any_port))
        return fail(errc::usage, "--listen with port 0 leaves the port to the system; use a fixed port");
    if (of_client)
        needs.peer = server;
    else
        needs.host = server ? server : address_of(*subject, machine);
    std::string remarks;
    const auto remark = [this, &remarks](std::string_view line) {
        remarks += fmt::format("{} {}\n", firewall::rule_formats()[static_cast<std::size_t>(format)].comment, line);
    };
    if (uses_any_port(*subject)) remark("The system chooses the passive ports (--passive-ports A-B narrows this).");
    auto rules = firewall::rules_text(needs, format);
    if (needs.host && !server && rules.contains(needs.host->text()))
        remark(fmt::format(
            "The server's address is taken to be {}, that of a listener or of this machine; --address ADDR names "
            "another.",
            needs.host->text()));
    return remarks + rules;
}

}  // namespace

void add_firewall_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<firewall_options>();
    auto* const command =
        app.add_subcommand("firewall", "Print the rules that firewalls need for a server, a gateway or their clients");
    options->add_to(*command);
    command->callback([options, command, &exit_code] {
        const auto text = options->text(*command);
        if (text) {
            fmt::print("{}", *text);
            return;
        }
        fmt::print(stderr, "sallyport firewall: {}\n", line_of(text.error()));
        exit_code = static_cast<int>(exit_status::usage);
    });
}

}  // namespace sallyport::cli
