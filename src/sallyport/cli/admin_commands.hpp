#pragma once
// The commands for a running daemon: sallyport gate status, reload, check and so on. Each connects to the daemon's
// control socket, or reads its configuration. Used on the main thread; the arguments must outlive the parsing of the
// command line.

#include <functional>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/daemon_options.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// `command` is the daemon's own command, whose options they share. `settings` checks the given options and returns a report
/// on valid ones.
struct administered_daemon {
    CLI::App& command;
    const daemon_options& options;
    std::function<result<std::string>()> settings;
};

void add_admin_commands(const administered_daemon& daemon, int& exit_code);

}  // namespace sallyport::cli
