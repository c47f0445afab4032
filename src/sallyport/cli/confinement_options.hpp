#pragma once
// Options for the rights of a daemon's process: the user that it becomes, and its sandbox; and the confinement that follows
// from all options. Values that daemon_options owns, and functions for the main thread, called before other threads start.

#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/firewall/interception.hpp>
#include <sallyport/ops/confinement.hpp>

namespace sallyport::cli {

struct daemon_options;

struct confinement_options {
    std::string run_as;
    bool unsafe_root = false;
    ops::sandbox_mode sandbox = ops::sandbox_mode::automatic;

    void add_to(command_table& table);
};

/// The needs of one command, in addition to those that its daemon_options name.
struct confinement_needs {
    // The shared directory; empty for a gateway.
    std::string directory{};
    std::vector<std::string> files_to_read{};
    // Directories in which files are written.
    std::vector<std::string> directories_to_write{};
    // Of backends with TLS passthrough.
    std::vector<port_range> ports{};
    // The path of the control socket; empty if there is none.
    std::string control_socket{};
    // --data-path kernel.
    bool kernel_forwarding = false;
    // What a router intercepts.
    std::optional<firewall::interception_settings> interception{};
    // What needs rights later is a request to the helper process.
    bool has_helper = false;
    // A port that is used is not known before it is open.
    bool any_port = false;
};

/// The confinement of a daemon with these options, after its first step. An error names the option.
[[nodiscard]] result<ops::prepared_confinement> prepare_confinement(const daemon_options& options,
                                                                    const confinement_needs& needs);

}  // namespace sallyport::cli
