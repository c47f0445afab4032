#pragma once
// Turns the words of a shell's command into the arguments of the client command that does the same: names on the server
// become URLs below the current directory. Pure functions and values, apart from local patterns, for which the disk is
// read; the main thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/command_words.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/client/url.hpp>

namespace sallyport::cli {

/// A directory of a server.
struct shell_place {
    /// The server and the login; the path does not matter.
    client::url site;
    /// From the root of the server, or below the directory of the login if the server does not say where that is.
    std::string directory;

    /// The path of a name, without "." and "..". A '/' at its end stays.
    [[nodiscard]] std::string path_of(std::string_view name) const;
    /// Its URL. A name that is a URL stays as it is.
    [[nodiscard]] std::string url_of(const std::string& name) const;
    /// The same for a word that may have wildcards.
    [[nodiscard]] std::string pattern_url_of(const command_word& word) const;
};

/// What the arguments of a command are, apart from its options.
enum class argument_use : std::uint8_t {
    /// Names on the server, with wildcards.
    patterns,
    /// The same; without any, the current directory.
    patterns_or_here,
    /// Names on the server without wildcards; without any, the current directory.
    names_or_here,
    names,
    /// chmod: the first one stays.
    mode_and_patterns,
    /// mv: the last one is the target.
    patterns_and_target,
    /// put: local files, with wildcards. -o NAME and -O DIR give the place on the server.
    local_files,
    /// mirror: a directory on the server and a local one, with -R the other way round.
    mirror,
    /// quote: the words of an FTP command.
    ftp_command
};

/// `table`: the options of the client command. Errors say what is missing.
[[nodiscard]] result<std::vector<std::string>> client_arguments(const command_table& table, argument_use use,
                                                                const command_words& words, const shell_place& place);

/// The words that are options, without their values: "--recursive", "-r".
[[nodiscard]] std::vector<std::string> options_in(const command_table& table, const command_words& words);

}  // namespace sallyport::cli
