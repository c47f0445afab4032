#pragma once
// What get and put say when they are done: for a person on standard error, for a program as JSON on standard output.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::cli {

struct transfer_result {
    std::string command;  // "get"
    std::string url;
    std::string file;  // the local side, "-" for a pipe
    std::chrono::milliseconds elapsed{};
    client::outcome<client::transfer_report> got = std::unexpected(client::failure{});
    std::vector<client::attempt> attempts;
    std::string partial_file;  // what is left of a download that failed
};

/// Prints, and gives the exit code.
[[nodiscard]] int report(const transfer_result& r, const client_options& options);

/// The same for what fails before there is a session, or at the local file.
[[nodiscard]] int report_error(std::string_view command, const error& cause, exit_status status);

/// One JSON object for a failure; `attempts` may be empty.
[[nodiscard]] std::string failure_json(std::string_view url, const client::failure& f,
                                       const std::vector<client::attempt>& attempts);

}  // namespace sallyport::cli
