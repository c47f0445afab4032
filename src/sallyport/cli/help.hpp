#pragma once
// Formats --help of every command, and the error line of a wrong command line, from the tables of options. Pure functions
// except terminal_width(); any thread. The commands must outlive the call.

#include <cstddef>
#include <string>
#include <string_view>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace sallyport::cli {

struct command_table;

/// Lines of at most `width` columns, except for longer words.
[[nodiscard]] std::string help_text(const CLI::App& command, const command_table& table, std::size_t width);

/// The part of it with the groups of options.
[[nodiscard]] std::string groups_text(const command_table& table, std::size_t width);

/// One line: the command, the option, the cause, the next step. For an unknown option or command, it suggests the nearest
/// one.
[[nodiscard]] std::string wrong_usage(const CLI::App& program, const CLI::Error& why);

/// The words of `text` in lines that begin with `indent` blanks and are at most `width` columns long.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

/// Columns of the terminal on standard output; 80 if it is not a terminal.
[[nodiscard]] std::size_t terminal_width();

}  // namespace sallyport::cli
