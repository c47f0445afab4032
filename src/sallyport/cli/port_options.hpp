#pragma once
// Those options of serve and gate that decide which ports clients use, for commands about a daemon that need not run.
//
// A value that its command owns; main thread.

#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/daemon_options.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/start_report.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

struct port_options {
    daemon_options daemon;
    std::vector<std::string> backends;
    bool no_passive = false;
    bool no_active = false;

    void add_to(command_table& table);
    /// Reads the configuration file, if one was named, of which all other keys are ignored. An error names the option.
    [[nodiscard]] result<report_input> subject(CLI::App& command);
};

}  // namespace sallyport::cli
