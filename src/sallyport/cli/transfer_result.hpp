#pragma once
// Reports the result of get and put: as text on standard error, as JSON on standard output. A value and functions without
// state; the main thread.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::cli {

struct transfer_result {
    /// "get" or "put".
    std::string command;
    std::string url;
    /// The local file; "-" for a pipe.
    std::string file;
    std::chrono::milliseconds elapsed{};
    client::outcome<client::transfer_report> got = std::unexpected(client::failure{});
    std::vector<client::attempt> attempts;
    /// The partial file of a failed download.
    std::string partial_file;
};

/// Prints the result and returns the exit code.
[[nodiscard]] int report(const transfer_result& r, const client_options& options);

/// A line that names 'sallyport doctor' after a failure of the data connection, with its line break; otherwise empty.
[[nodiscard]] std::string doctor_line(std::string_view command, std::string_view url, const client::failure& f);

/// The same as report() for a failure before the session, or of the local file.
[[nodiscard]] int report_error(std::string_view command, const error& cause, exit_status status);

/// Its members "step" to "advice" in the JSON objects of failures.
[[nodiscard]] std::string failure_members(const client::failure& f);

/// The JSON object of a failure; `attempts` may be empty.
[[nodiscard]] std::string failure_json(std::string_view url, const client::failure& f,
                                       const std::vector<client::attempt>& attempts);

}  // namespace sallyport::cli
