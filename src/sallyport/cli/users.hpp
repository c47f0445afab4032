#pragma once
// Users as the command line and the configuration file define them: "NAME:SECRET". Pure functions except for reading
// files; any thread. The results are values.
//
// SECRET is a text for server::parse_secret(), or "@FILE": the first line of that file, so that no password is on a
// command line. Errors never contain a secret.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::cli {

/// `option` is the name for the error.
[[nodiscard]] result<server::user> parse_user(std::string_view option, std::string_view text, server::right_set rights);

/// The users of --user and --reader. Duplicate names are an error.
[[nodiscard]] result<std::vector<server::user>> parse_users(const std::vector<std::string>& users,
                                                            const std::vector<std::string>& readers);

/// The text itself, or for "@FILE" the first line of the file. The error has the cause and the next step.
[[nodiscard]] result<std::string> read_secret(std::string_view text);

/// The files that contain the secrets of these users.
[[nodiscard]] std::vector<std::string> secret_files(const std::vector<std::string>& users);

}  // namespace sallyport::cli
