#pragma once
// The start report of a daemon: facts, and warnings with their remedy, for the administrator before the first client
// connects. 'check' prints it, and a daemon logs it at its start. Values and pure functions; any thread. The facts of the
// machine are arguments (machine_facts).

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/cli/machine_facts.hpp>
#include <sallyport/reach/passive_mode.hpp>

namespace sallyport::cli {

struct certificate_in_use {
    std::string file;
    std::vector<std::string> names;
    /// Seconds since 1970.
    std::int64_t not_after = 0;
};

/// A file with a secret that other users of the machine can read.
struct exposed_file {
    std::string path;
    /// "Private key".
    std::string what;
};

struct start_report {
    std::vector<std::string> facts;
    std::vector<std::string> warnings;
};

struct report_input {
    std::vector<endpoint> listen;
    std::vector<endpoint> listen_tls;
    bool tls_required = false;
    /// TLS is passed through between clients and backends.
    bool tls_passthrough = false;
    std::vector<certificate_in_use> certificates;
    /// Certificate files that this process could read at its start, and cannot read any more.
    std::vector<std::string> unreadable{};
    reach::passive_settings data_connections;
    bool passive = true;
    bool active = true;
    /// Port ranges of backends with TLS passthrough.
    std::vector<port_range> passthrough_ports;
    /// Control ports of a gateway's backends.
    std::vector<port_range> backend_ports{};
    /// "2 users and anonymous", "3 backends".
    std::string logins;
    /// Some logins require a password.
    bool passwords = false;
    // Anonymous logins are allowed, to which --tls-required does not apply.
    bool anonymous = false;
    std::size_t max_sessions = 0;
    /// During a transfer: control and data connections.
    std::size_t descriptors_per_session = 2;
    std::vector<exposed_file> exposed;
    /// About the interception of a gateway on a router, which may have no listener.
    start_report interception;
    /// A directory in which users may write, but this process cannot.
    std::string unwritable;
};

[[nodiscard]] start_report make_report(const report_input& subject, const machine_facts& machine);

/// The input for a daemon that has started: port 0 is replaced by the actual port, and the number of sessions is removed,
/// since the frontend counts its descriptors and warns by itself. `open` has the listeners in the order of `listen` and
/// `listen_tls`.
[[nodiscard]] report_input with_listeners(report_input subject, const std::vector<endpoint>& open);

/// Facts at level info, warnings at level warning.
void log_report(const start_report& report);
/// One line for each; warnings begin with "Warning: ".
[[nodiscard]] std::string text_of(const start_report& report);

/// Empty if this process may listen on a port of the range; otherwise the reason and what to do.
[[nodiscard]] std::string unusable_range(const port_range& range, const machine_facts& machine);

}  // namespace sallyport::cli
