#pragma once
// The commands of the shell: those that are client commands, with what their arguments are, and those of its own. Constants
// and pure functions; any thread.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sallyport/cli/shell_arguments.hpp>

namespace CLI {
class App;
}

namespace sallyport::cli {

struct shell_verb {
    std::string_view name;
    /// After the name.
    std::string_view form;
    std::string_view help;
    /// Registers the client command; null: the shell's own.
    void (*add)(CLI::App& app, int& exit_code) = nullptr;
    argument_use use = argument_use::names;
    /// Words that follow are completed as local names.
    bool has_local_names = false;
    /// It may change what is on the server.
    bool changes = false;
};

[[nodiscard]] std::span<const shell_verb> shell_verbs();
/// Null: there is no such command.
[[nodiscard]] const shell_verb* find_verb_of_shell(std::string_view name);

/// "--active", "-v": it belongs to the connection of the shell, so that its commands do not have it.
[[nodiscard]] bool is_connection_option(const std::string& name);
/// The options of the client command without those; none for a command of the shell's own. For their names and help: their
/// variables are gone.
[[nodiscard]] command_table options_of(const shell_verb& verb);

}  // namespace sallyport::cli
