#pragma once
// The commands for a daemon that runs: sallyport gate status, reload, check and so on. Each speaks with it through its
// control socket, or reads its configuration.

#include <functional>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/daemon_options.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// `command` is the daemon's own, whose options they share. `settings` tries the options given, and returns what there is to
/// say about good ones.
struct administered_daemon {
    CLI::App& command;
    const daemon_options& options;
    std::function<result<std::string>()> settings;
};

void add_admin_commands(const administered_daemon& daemon, int& exit_code);

}  // namespace sallyport::cli
