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
#include <sallyport/cli/doctor_files.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/plan_command.hpp>
#include <sallyport/cli/port_needs.hpp>
#include <sallyport/cli/port_options.hpp>
#include <sallyport/diagnosis/path.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/doctor/remedy_rules.hpp>
#include <sallyport/firewall/rule_formats.hpp>

namespace sallyport::cli {
namespace {

struct firewall_options {
    port_options ports;
    firewall::firewall_format format = firewall::firewall_format::nftables;
    bool of_client = false;
    bool active = false;
    std::string address;
    std::string saved_run;

    void add_to(CLI::App& command);
    [[nodiscard]] result<std::string> text(CLI::App& command);

private:
    [[nodiscard]] result<std::string> text_for_run(const report_input& subject, const std::optional<ip_address>& server);
};

void firewall_options::add_to(CLI::App& command) {
    command_table table;
    auto known = not_in_file(choice(format, "format", format_choices(firewall::rule_formats())));
    const auto names = list_of(known.known);
    table.add("Output",
              {{"--for", "FORMAT", std::move(known), names},
               {"--side", "server|client",
                not_in_file(choice(of_client, "side", choices<bool>{{"server", false}, {"client", true}})),
                "Rules for the server's firewall, or for that of its clients"},
               {"--address", "ADDR", not_in_file(cli::text(address)),
                "Address of the server, for the rules of clients and of devices in front of it",
                "that of a listener or an interface; clients: any"},
               {"--saved-run", "FILE", not_in_file(cli::text(saved_run)),
                "Only the rules that remove the failures of this run, which 'sallyport doctor --save' has written"},
               {"--active", "", not_in_file(flag(active)), "With --side client: also for active mode"}});
    ports.add_to(table);
    table.notes =
        "Nothing is changed. Rules for a router on which 'sallyport gate --intercept' runs: 'sallyport gate plan'.\n\n"
        "Examples:\n"
        "  sallyport firewall --config /etc/sallyport/serve.toml --for ufw\n"
        "  sallyport firewall --listen 0.0.0.0:21 --passive-ports 30000-30099 \\\n"
        "    --side client --address 203.0.113.7\n"
        "  sallyport firewall --saved-run run.json --config /etc/sallyport/serve.toml\n\n"
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

/// The passive ports of the configuration; {0, 0}: none.
port_range configured_ports(const report_input& s) {
    const auto& data = s.data_connections;
    return data.ports.range.first == 0 ? port_range{data.single.port, data.single.port} : data.ports.range;
}

/// A cause whose side is not known is on the side that --side names.
result<std::string> firewall_options::text_for_run(const report_input& subject, const std::optional<ip_address>& server) {
    const auto known = read_saved_run(saved_run);
    if (!known) return std::unexpected(known.error());
    const auto comment = [this](std::string_view line) { return firewall::comment_line(format, line); };
    const auto passive = configured_ports(subject);
    std::string out;
    for (const auto& v : diagnosis::judge(*known)) {
        using diagnosis::side;
        const bool of_server =
            v.side == side::server || v.side == side::server_config || (v.side == side::undecided && !of_client);
        auto needs = doctor::needs_for(v, *known, of_server, passive);
        if (!needs) continue;
        if (server) (of_server ? needs->host : needs->peer) = server;
        // The ports of a run are no range to open: they are some of the server's, and the file may be that of anyone.
        const auto rules = needs->connections.empty()
                               ? comment(
                                     "The rules need the server's passive ports, which a run does not show: name "
                                     "them with --config or --passive-ports.")
                               : firewall::rules_text(*needs, format);
        if (out.contains(rules)) continue;
        out += comment(fmt::format("{}: {}", v.id, escape(v.cause, 400)));
        if (v.hop)
            out += comment(fmt::format("The device: {}. On a router, use its chain for forwarded packets.",
                                       diagnosis::text_of(*v.hop)));
        out += rules;
    }
    if (out.empty()) out = comment("No firewall rule removes a failure of this run.");
    return out;
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
    if (!saved_run.empty()) return text_for_run(*subject, server);
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
    const auto remark = [this, &remarks](std::string_view line) { remarks += firewall::comment_line(format, line); };
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
