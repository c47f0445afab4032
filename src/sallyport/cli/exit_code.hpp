#pragma once
// What the client commands return to the shell: a code for each cause, so that scripts need not read messages.

#include <string>

#include <sallyport/client/client.hpp>

namespace sallyport::cli {

enum class exit_status : int {
    ok = 0,
    internal = 1,         // a bug of ours
    usage = 2,            // options, URL or name
    connect = 3,          // no address, no answer, refused, or lost before the login was over
    tls = 4,              // no TLS where the URL asked for it, or a certificate that is not trusted
    login = 5,            // wrong user or password
    refused = 6,          // the server refused the request: no such file, no permission, no room
    data_connection = 7,  // login worked, but no data connection could be made: firewall or NAT
    incomplete = 8,       // the transfer was cut, or the file is shorter than the server said
    local_file = 9,       // reading or writing here
    timeout = 10,         // the server fell silent
    protocol_error = 11,  // the server broke the protocol
    unavailable = 12,     // too busy or closing (421), or a limit of users or connections; try again later
    listing = 13          // no line of a listing is in a known form
};

[[nodiscard]] exit_status status_of(const client::failure& f) noexcept;

/// The table above for --help.
[[nodiscard]] std::string exit_code_help();

}  // namespace sallyport::cli
