#pragma once
// Configuration files: TOML whose keys are the long options of the command, so that there is one list of settings.
//
//   listen = ["0.0.0.0:21", "[::]:21"]        # --listen 0.0.0.0:21 --listen [::]:21
//   anonymous = true                          # --anonymous
//   [passive]
//   ports = "50000-50099"                     # --passive-ports 50000-50099
//
// What stands on the command line wins over the file.

#include <string>

#include <sallyport/base/error.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

/// Gives every option of `command` that was not used on the command line its value from `file`. An unknown key or a value
/// of the wrong form is errc::syntax; the text names file, line and key.
[[nodiscard]] result<void> apply_config_file(CLI::App& command, const std::string& file);

}  // namespace sallyport::cli
