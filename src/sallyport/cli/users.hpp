#pragma once
// Users as the command line and the configuration file name them: "NAME:SECRET".
//
// SECRET is what server::parse_secret() takes, or "@FILE": the first line of that file, so that no password stands on a
// command line. Errors never repeat a secret.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/server/server.hpp>

namespace sallyport::cli {

/// `option` is what the error names.
[[nodiscard]] result<server::user> parse_user(std::string_view option, std::string_view text, bool read_only);

/// All of --user and --reader. No name may come twice.
[[nodiscard]] result<std::vector<server::user>> parse_users(const std::vector<std::string>& users,
                                                            const std::vector<std::string>& readers);

/// The text itself, or the first line of the file where it is "@FILE". The error is cause and next step.
[[nodiscard]] result<std::string> read_secret(std::string_view text);

/// The files that these users' secrets stand in.
[[nodiscard]] std::vector<std::string> secret_files(const std::vector<std::string>& users);

}  // namespace sallyport::cli
