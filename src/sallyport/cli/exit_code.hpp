#pragma once
// The exit codes of the client commands: one for each kind of failure, so that scripts need not parse messages. Constants
// and pure functions; any thread.

#include <string>

#include <sallyport/client/client.hpp>

namespace sallyport::cli {

enum class exit_status : int {
    ok = 0,
    /// A bug in Sallyport.
    internal = 1,
    /// Invalid option, URL or name.
    usage = 2,
    /// No address, no response, refused, or connection lost before the login had finished.
    connect = 3,
    /// No TLS although the URL requires it, or an untrusted certificate.
    tls = 4,
    /// Wrong user or password.
    login = 5,
    /// The server refused the request: no such file, no permission, no space.
    refused = 6,
    /// The login succeeded, but no data connection could be established: firewall or NAT.
    data_connection = 7,
    /// The transfer was interrupted, or the file is shorter than the server reported.
    incomplete = 8,
    /// The local file could not be read or written.
    local_file = 9,
    /// The server did not respond.
    timeout = 10,
    /// The server violated the protocol.
    protocol_error = 11,
    /// The server is busy or shutting down (421), or at a limit of users or connections; try again later.
    unavailable = 12,
    /// Of several files, some failed and others did not.
    some_failed = 13,
    /// The copy differs from the server's file, or could not be compared with it as --verify requires.
    verification = 14,
    /// More files were to be deleted than --max-delete allows.
    too_many_deletions = 15,
    /// No line of a listing is in a known format.
    listing = 16,
    /// doctor: some data connections work and others do not, or a setting is wrong.
    impaired = 20,
    /// doctor: something failed, and no rule names its cause.
    undecided = 21
};

[[nodiscard]] exit_status status_of(const client::failure& f) noexcept;

/// The table above for --help.
[[nodiscard]] std::string exit_code_help();

}  // namespace sallyport::cli
