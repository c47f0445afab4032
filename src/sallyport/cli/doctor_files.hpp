#pragma once
// The parts of 'sallyport doctor' that need no session: a server on this host (--server), and files (doctor read, and runs
// that were saved).
//
// Functions for the main thread; `exit_code` must outlive the parsing of the command line.

#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// Prints what is wrong with a server on this host, and changes nothing. `target` is KIND:FILE, or empty if only `ports` are
/// to be looked at. The exit code: 0 nothing found, 20 something found, 2 wrong usage.
[[nodiscard]] int diagnose_server(const std::string& target, const std::optional<port_range>& ports, bool as_json);

/// The run that 'doctor --save' has written to this file; "-" is standard input.
[[nodiscard]] result<diagnosis::facts> read_saved_run(const std::string& file);

/// The exit code of commands that look at files, if they have found a problem.
inline constexpr int something_found = 20;

/// The content of a file, or of standard input for "-". Fails if it is larger than 256 MiB.
[[nodiscard]] result<std::string> content_of_file(const std::string& name);
/// Whether save_privately() can write this file; it is made if it does not exist. A run of minutes should not fail at its
/// end.
[[nodiscard]] result<void> check_savable(const std::string& path);
/// Replaces a file, which only its owner may read: it has addresses and names of the network.
[[nodiscard]] result<void> save_privately(const std::string& path, const std::string& text);

/// Adds the command 'read' to 'sallyport doctor'.
void add_doctor_read(CLI::App& doctor, int& exit_code);

}  // namespace sallyport::cli
