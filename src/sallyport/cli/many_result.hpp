#pragma once
// Reports what became of many files: each failure with its cause as text on standard error, or one JSON object on standard
// output. A value and functions without state; the main thread.

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/named_failures.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/client/transfer.hpp>

namespace sallyport::cli {

struct many_result {
    /// "get", "put" or "mirror".
    std::string command;
    std::vector<client::transfer> transfers;
    /// What failed before it was a transfer, such as a directory that cannot be listed.
    std::vector<named_failure> problems;
    std::vector<std::string> warnings;
    std::size_t deleted = 0;
    /// The same at source and target.
    std::size_t unchanged = 0;
    /// How many connections the site allowed at a time.
    std::size_t connections = 0;
    std::chrono::milliseconds elapsed{};
    /// Which signal has cancelled it; 0: none.
    int signal = 0;
};

/// Adds how long the command took, and the signal that has cancelled it.
void end_run(many_result& r, const many_progress& shown);

/// Adds the warnings of the transfers, each with the name of its file.
void add_transfer_warnings(many_result& r);

/// The status of a single failure if nothing succeeded, some_failed if something did.
[[nodiscard]] exit_status status_of(const many_result& r) noexcept;

/// Prints the result and returns the exit code. If a signal has cancelled the command, it ends the process.
[[nodiscard]] int report(const many_result& r, const client_options& options);

}  // namespace sallyport::cli
