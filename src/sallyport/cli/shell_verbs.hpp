#pragma once
// The commands of the shell: those that are client commands, with what their arguments are, and those of its own. Constants
// and pure functions; any thread.

#include <memory>
#include <optional>
#include <span>
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

}  // namespace sallyport::cli
