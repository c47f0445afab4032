#pragma once
// What an administrator wants to know of a daemon before the first client comes: facts, and warnings with their remedy.
// 'check' prints them, a daemon logs them at its start. Pure: what is known of the machine comes in (machine_facts).

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
    std::int64_t not_after = 0;  // seconds since 1970
};

/// A file that holds a secret, and which others on the machine can read.
struct exposed_file {
    std::string path;
    std::string what;  // "private key"
};

struct report_input {
    std::vector<endpoint> listen;
    std::vector<endpoint> listen_tls;
    bool tls_required = false;
    bool tls_passthrough = false;  // TLS is between clients and backends
    std::vector<certificate_in_use> certificates;
    reach::passive_settings data_connections;
    bool passive = true;
    std::vector<port_range> passthrough_ports;  // of backends whose TLS passes
    std::string logins;                         // "2 users and anonymous", "3 backends"
    bool passwords = false;                     // some logins have one
    std::size_t max_sessions = 0;
    std::size_t descriptors_per_session = 2;  // control and data connections, as many as a transfer has at once
    std::vector<exposed_file> exposed;
    std::string unwritable;  // the directory that users should be able to write and that this process can't
};

struct start_report {
    std::vector<std::string> facts;
    std::vector<std::string> warnings;
};

[[nodiscard]] start_report make_report(const report_input& subject, const machine_facts& machine);

/// The subject of a daemon that has started: port 0 is replaced by what the system gave, and the number of sessions is left
/// to the frontend, which has counted its descriptors and warns by itself. `open`: the listeners in the order of `listen`
/// and `listen_tls`.
[[nodiscard]] report_input with_listeners(report_input subject, const std::vector<endpoint>& open);

/// Facts at level info, warnings at level warning.
void log_report(const start_report& report);
/// A line each; warnings begin with "Warning: ".
[[nodiscard]] std::string text_of(const start_report& report);

/// Empty where this process may listen on some port of the range; else why it may not, and what to do.
[[nodiscard]] std::string unusable_range(const port_range& range, const machine_facts& machine);

}  // namespace sallyport::cli
