#pragma once
// Configuration files: TOML whose keys are the long options of the command, so there is one list of settings.
//
//   listen = ["0.0.0.0:21", "[::]:21"]        # --listen 0.0.0.0:21 --listen [::]:21
//   anonymous = true                          # --anonymous
//   [passive]
//   ports = "30000-30099"                     # --passive-ports 30000-30099
//
// The command line takes precedence over the file. Any content of a file gives a value or an error; after an error, the
// options applied to `command` must not be used. Values and functions on the caller's CLI::App; one thread at a time.

#include <cstddef>
#include <cstdint>
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

class account_sections;

/// The lines of a file's values, since many values turn out to be invalid only when they are used.
class config_locations {
public:
    explicit config_locations(std::string file = {}) : file_(std::move(file)) {}
    void add(std::string key, std::string text, std::size_t line);
    [[nodiscard]] bool has(std::string_view key) const;

    /// The error, prefixed with "FILE, line N: " if its text contains the option or the value of one of them.
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

/// Refuses empty values and control characters, which could add lines to replies and logs.
[[nodiscard]] result<void> check_values(const CLI::Option& option);
[[nodiscard]] result<void> check_values(const CLI::App& command);

/// What to do with keys that are no options of the command. A command with some of a daemon's options ignores the others.
enum class unknown_keys : std::uint8_t { refuse, ignore };

/// Sets every option of `command` that is not on the command line to its value from `file`. Sections of accounts go to
/// `accounts`; for a command without accounts they are unknown keys. An unknown key or a value of the
/// wrong type is errc::usage; the text names file, line and key.
[[nodiscard]] result<config_locations> apply_config_file(CLI::App& command, const std::string& file,
                                                         unknown_keys unknown = unknown_keys::refuse,
                                                         account_sections* accounts = nullptr);

/// The values of a command's options, by name.
using option_values = std::map<std::string, std::vector<std::string>>;
[[nodiscard]] option_values values_of(const CLI::App& command);
/// Applies the values as if they were on the command line.
void apply_values(CLI::App& command, const option_values& values);

}  // namespace sallyport::cli
