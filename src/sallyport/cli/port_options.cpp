#include <sallyport/cli/port_options.hpp>

#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/gate/backend.hpp>

namespace sallyport::cli {

void port_options::add_to(command_table& table) {
    table.add("Configuration", {{"--config", "FILE", not_in_file(text(daemon.config)),
                                 "Configuration file of 'sallyport serve' or 'sallyport gate'"}});
    daemon.add_listening_to(table, "gate");
    daemon.data_connections.add_to(table, "any free port");
    table.add("Data connections", {{"--no-passive", "", flag(no_passive), "The server refuses passive mode (PASV, EPSV)"},
                                   {"--no-active", "", flag(no_active), "The server refuses active mode (PORT, EPRT)"}});
    table.add("Backends", {{"--backend", "URL", texts(backends),
                            "Backend of a gateway, to which it connects; ?passthrough=A-B has ports of its own"},
                           {"--intercept", "IF[,IF...][?TERMS]", texts(daemon.intercept),
                            "The gateway intercepts sessions; without --listen it has no port of its own"}});
}

result<report_input> port_options::subject(CLI::App& command) {
    config_locations locations;
    if (!daemon.config.empty()) {
        auto applied = apply_config_file(command, daemon.config, unknown_keys::ignore);
        if (!applied) return std::unexpected(applied.error());
        locations = std::move(*applied);
    }
    if (const auto good = check_values(command); !good) return std::unexpected(good.error());
    // The certificate may be on another machine.
    daemon.tls_passthrough = true;
    const auto refuse = [&locations](const error& why) { return std::unexpected(locations.locate(why)); };
    if (const auto plain = daemon.endpoints(); !plain) return refuse(plain.error());
    if (const auto implicit = daemon.implicit_endpoints(); !implicit) return refuse(implicit.error());
    if (const auto data = daemon.data_connections.settings(); !data) return refuse(data.error());
    auto out = daemon.subject(locations);
    out.passive = !no_passive;
    out.active = !no_active;
    for (const auto& text : backends) {
        const auto parsed = gate::backend::parse(text);
        if (!parsed) return refuse(with_option("--backend", parsed.error()));
        if (parsed->passthrough_range.first != 0) out.passthrough_ports.push_back(parsed->passthrough_range);
        out.backend_ports.push_back({parsed->port, parsed->port});
    }
    return out;
}

}  // namespace sallyport::cli
