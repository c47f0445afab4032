#pragma once
// The options of all commands, each once with the commands that have it, for docs/settings.md and sallyport.toml(5). Values
// and pure functions; any thread.

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace sallyport::cli {

struct reference_row {
    /// "--listen ADDR:PORT ...".
    std::string option;
    /// "listen"; empty if it is not a key of the configuration file.
    std::string key;
    /// Without "sallyport": "gate status".
    std::vector<std::string> commands;
    /// "default: 4; 1 to 127, or off".
    std::string facts;
    std::string help;
};

/// Titles of groups with their rows, in the order in which the commands have them.
using settings_reference = std::vector<std::pair<std::string, std::vector<reference_row>>>;

/// Options of the same name that differ in another way have a row each.
[[nodiscard]] settings_reference make_reference(const std::vector<const CLI::App*>& commands);

/// As Markdown: a table for each group, and one for the parameters within the value of an option, such as --backend.
[[nodiscard]] std::string settings_page(const CLI::App& program);

}  // namespace sallyport::cli
