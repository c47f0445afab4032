#pragma once
// Splits lines of commands into words, as a POSIX shell does with quotes and backslashes, but expands nothing. Pure
// functions and values; any thread. Errors: a quote that is not closed, a backslash at the end.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

struct command_word {
    /// Without quotes and backslashes.
    std::string text;
    /// As a pattern of client/glob: the quoted ones of `*`, `?`, `[`, `]` and `\` have a backslash.
    std::string pattern;
    /// Where it begins in the line.
    std::size_t begin = 0;
};

/// Words up to ';' or the end of a line. The text after a '!' at the beginning of a command, up to the end of its line, is
/// one word.
using command_words = std::vector<command_word>;

/// The commands of a text; text after a '#' that begins a word is a comment.
[[nodiscard]] result<std::vector<command_words>> split_commands(std::string_view text);

/// The words of one command, in which ';', '#' and '!' are ordinary characters.
[[nodiscard]] result<std::vector<std::string>> split_words(std::string_view text);

/// A line that is still being typed.
struct typed_line {
    /// Of the last command, without `last`.
    command_words before;
    /// The word at the end, which may be empty.
    command_word last;
    /// The quote in which the text ends; 0: none.
    char quote = 0;
};
[[nodiscard]] typed_line split_typed(std::string_view text);

/// The name in the form in which a line has it as one word, in this quote (0: none, so with backslashes), which stays open.
[[nodiscard]] std::string quoted_name(std::string_view name, char quote);

}  // namespace sallyport::cli
