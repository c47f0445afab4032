#pragma once
// The file of default options of the client commands: TOML, whose keys are the options that a site can have as settings.
//
//   passive = true
//   ca = "/etc/ssl/partner-ca.pem"
//
// Functions without state; the result is a value. Reading blocks on the disk; one thread. An error names file and line.

#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/config_file.hpp>

namespace sallyport::cli {

/// client.toml in config_directory(); empty if there is none.
[[nodiscard]] std::string client_config_file();

/// The options in the file; none if there is no such file. An unknown key, a value that an option does not accept, and
/// options that exclude each other are errc::usage.
[[nodiscard]] result<option_values> read_client_config(const std::string& file);

}  // namespace sallyport::cli
