#pragma once
// Runs get or put: one session that transfers one file, with a progress bar, and a report of the result. A value that its
// command owns; the main thread.

#include <functional>
#include <string>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::cli {

struct transfer_run {
    /// "get" or "put".
    std::string command;
    client::url location;
    /// The local file; "-" for a pipe, which cannot be resumed.
    std::string file;
    /// Name in the progress bar.
    std::string label;
    /// The transfer itself. It sets `partial_file` to the name of the partial file if it fails.
    std::function<net::task<client::outcome<client::transfer_report>>(client::session&, client::progress,
                                                                      std::string& partial_file)>
        transfer;
};

/// Blocks until the transfer was reported; returns the exit code.
[[nodiscard]] int run_transfer(const transfer_run& run, const client_options& options);

}  // namespace sallyport::cli
