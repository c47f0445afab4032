#pragma once
// What get and put have in common: a session, one file moved in it with a progress bar, and the report of how it went.

#include <functional>
#include <string>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::cli {

struct transfer_run {
    std::string command;  // "get"
    client::url location;
    std::string file;   // the local side, "-" for a pipe, which can't be continued
    std::string label;  // of the progress bar
    /// The transfer itself. `kept` is for the name of what it leaves behind where it fails.
    std::function<net::task<client::outcome<client::transfer_report>>(client::session&, client::progress,
                                                                      std::string& partial_file)>
        transfer;
};

/// Blocks until it is over and reported; gives the exit code.
[[nodiscard]] int run_transfer(const transfer_run& run, const client_options& options);

}  // namespace sallyport::cli
