#pragma once
// Both ends of a session: 'sallyport doctor --watch' on the server's host, and 'sallyport doctor join', which joins what it
// has saved with the run of a client.
//
// Functions for the main thread; `exit_code` must outlive the parsing of the command line.

#include <string>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// Watches the connections of this host until SIGINT or SIGTERM, and saves them in the file. Returns the exit code.
[[nodiscard]] int watch_connections(const std::string& save_to);

/// Adds the command 'join' to 'sallyport doctor'.
void add_doctor_join(CLI::App& doctor, int& exit_code);

}  // namespace sallyport::cli
