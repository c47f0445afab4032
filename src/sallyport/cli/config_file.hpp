#pragma once
// Configuration files: TOML whose keys are the long options of the command, so that there is one list of settings.
//
//   listen = ["0.0.0.0:21", "[::]:21"]        # --listen 0.0.0.0:21 --listen [::]:21
//   anonymous = true                          # --anonymous
//   [passive]
//   ports = "30000-30099"                     # --passive-ports 30000-30099
//
// What stands on the command line wins over the file. Whatever bytes the file holds, the outcome is a value: what has been
// applied to `command` of a file that is refused is not to be used.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sallyport::cli {

/// Where the values of a file stand: many turn out to be wrong only later, when they are put to use.
class config_locations {
public:
    explicit config_locations(std::string file = {}) : file_(std::move(file)) {}
    void add(std::string key, std::string text, std::size_t line);
    [[nodiscard]] bool has(std::string_view key) const;

    /// The error with "FILE, line N: " in front, where its text speaks of one of them: by its option or by the value itself.
    [[nodiscard]] error locate(error failure) const;

private:
    struct value {
        std::string key;
        std::string text;
        std::size_t line;
    };
    std::string file_;
    std::vector<value> values_;
};

/// No value is empty or holds control characters, which could write lines of their own into replies and logs.
[[nodiscard]] result<void> check_values(const CLI::Option& option);
[[nodiscard]] result<void> check_values(const CLI::App& command);

/// Gives every option of `command` that was not used on the command line its value from `file`. An unknown key or a value
/// of the wrong form is errc::usage; the text names file, line and key.
[[nodiscard]] result<config_locations> apply_config_file(CLI::App& command, const std::string& file);

/// The values of a command's options, by name.
using option_values = std::map<std::string, std::vector<std::string>>;
[[nodiscard]] option_values values_of(const CLI::App& command);
/// As if they stood on the command line.
void apply_values(CLI::App& command, const option_values& values);

}  // namespace sallyport::cli
