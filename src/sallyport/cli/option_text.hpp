#pragma once
// The texts of a row of a table of options that --help, the manual pages, the completions and the sample files share.
// Pure functions; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace sallyport::cli {

struct option_row;

/// The help of --help itself.
inline constexpr std::string_view help_option_text = "Print this help";

/// DIR of "serve DIR", as opposed to --listen.
[[nodiscard]] bool is_argument(const option_row& row);

/// "-o, --output FILE", "--listen ADDR:PORT ...".
[[nodiscard]] std::string head_of(const option_row& row);

/// "default: 4; 1 to 127, or off"; empty for a switch.
[[nodiscard]] std::string facts_of(const option_row& row);

/// "-o" and "--output"; empty for an argument.
[[nodiscard]] std::vector<std::string> names_of(const option_row& row);

/// "--output" without its dashes, which is the key in a configuration file.
[[nodiscard]] std::string key_of(const option_row& row);

/// "sallyport gate status".
[[nodiscard]] std::string full_name(const CLI::App& command);

/// "Usage: " without that word: "sallyport gate [OPTIONS] [COMMAND]".
[[nodiscard]] std::string usage_of(const CLI::App& command);

/// Whether there is a sample of its configuration file, which "COMMAND check" checks.
[[nodiscard]] bool has_sample_file(const CLI::App& command);

/// The command and all those below it, in the order in which they were added. The commands must outlive the result.
[[nodiscard]] std::vector<const CLI::App*> with_subcommands(const CLI::App& command);

}  // namespace sallyport::cli
