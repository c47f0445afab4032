#include <sallyport/cli/confinement_options.hpp>

#include <filesystem>
#include <optional>
#include <utility>

#include <linux/capability.h>
#include <unistd.h>

#include <sallyport/cli/daemon_options.hpp>
#include <sallyport/ops/privileges.hpp>

namespace sallyport::cli {
namespace {

ops::path_rules paths_of(const daemon_options& options, const confinement_needs& needs) {
    using access = ops::path_access;
    ops::path_rules out{.paths = ops::system_paths()};
    if (!needs.directory.empty()) out.add_directory(needs.directory, access::write);
    for (const auto& directory : needs.directories_to_write) out.add_directory(directory, access::write);
    for (const auto& file : needs.files_to_read) out.add_file(file, access::read);
    for (const auto& [file, append] : options.files()) out.add_file(file, append ? access::write : access::read);
    out.add_file(needs.control_socket, access::write);
    for (const auto& socket : options.logging_and_control.other_sockets()) out.add_file(socket, access::write);
    return out;
}

/// Nothing if a listener's port is chosen by the system: the port of active data connections is the one below it.
std::optional<std::vector<port_range>> ports_of(const daemon_options& options, const confinement_needs& needs) {
    if (needs.any_port) return std::nullopt;
    // Port 0 for outgoing connections and for passive ports without a range.
    std::vector<port_range> out{{0, 0}};
    for (const auto& at : options.listeners()) {
        if (at.port == 0) return std::nullopt;
        out.push_back({static_cast<std::uint16_t>(at.port - 1), at.port});
    }
    const auto data = options.data_connections.settings().value_or(reach::passive_settings());
    if (data.ports.range.first != 0) out.push_back(data.ports.range);
    if (data.single.port != 0) out.push_back({data.single.port, data.single.port});
    if (const auto port = options.logging_and_control.metrics_port(); port != 0) out.push_back({port, port});
    out.insert(out.end(), needs.ports.begin(), needs.ports.end());
    return out;
}

/// In the default directory, the daemon removes its control socket at its end, and moves it at a restart.
void give_control_directory(const daemon_options& options, const confinement_needs& needs, const ops::identity& to) {
    if (!options.logging_and_control.control_socket.path.empty() || needs.control_socket.empty()) return;
    const auto directory = std::filesystem::path(needs.control_socket).parent_path();
    // If this fails, the socket stays after the end, and the next start replaces it.
    (void)!::chown(directory.c_str(), to.user, to.group);
}

result<ops::confinement> make_confinement(const daemon_options& options, const confinement_needs& needs) {
    const auto& chosen = options.confinement;
    const auto facts = ops::read_identity_facts(needs.directory);
    auto who =
        ops::choose_identity({.run_as = chosen.run_as, .unsafe_root = chosen.unsafe_root}, facts, ops::system_accounts());
    if (!who) return std::unexpected(who.error());
    ops::confinement out{.sandbox = chosen.sandbox,
                         .paths = paths_of(options, needs),
                         .become = std::move(who->become),
                         .warning = std::move(who->warning),
                         .capabilities_at_start = ops::capability_bit(CAP_NET_BIND_SERVICE)};
    if (!needs.has_helper) out.capabilities = out.capabilities_at_start;
    out.paths.ports = ports_of(options, needs);
    if (chosen.unsafe_root) out.capabilities = out.capabilities_at_start = UINT64_MAX;
    if (out.become) give_control_directory(options, needs, *out.become);
    return out;
}

}  // namespace

void confinement_options::add_to(command_table& table) {
    using mode = ops::sandbox_mode;
    table.add("Rights of the process",
              {{"--run-as", "USER", text(run_as), "Started as root: become this user once the ports are open",
                "owner of DIR unless root, else sallyport, else nobody"},
               {"--unsafe-root", "", flag(unsafe_root), "Stay root; a fault then has root's rights within the sandbox"},
               {"--sandbox", "MODE",
                choice(sandbox, "mode",
                       choices<mode>{{"required", mode::required}, {"auto", mode::automatic}, {"off", mode::off}}),
                "Restrict files, ports and system calls: required, auto or off"}});
}

result<ops::prepared_confinement> prepare_confinement(const daemon_options& options, const confinement_needs& needs) {
    auto rules = make_confinement(options, needs);
    if (!rules) return std::unexpected(rules.error());
    return ops::prepare_confinement(std::move(*rules));
}

}  // namespace sallyport::cli
