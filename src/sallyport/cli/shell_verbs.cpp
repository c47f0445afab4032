#include <sallyport/cli/shell_verbs.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include <CLI/CLI.hpp>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/option_text.hpp>

namespace sallyport::cli {
std::span<const shell_verb> shell_verbs() {
    using enum argument_use;
    static constexpr auto verbs = std::to_array<shell_verb>({
        {"open", "URL", "Connect to a server"},
        {"cd", "[DIR]", "Change the directory on the server; alone, to that of the login"},
        {"pwd", "", "Print the directory on the server"},
        {"ls", "[DIR]", "List a directory on the server", add_ls_command, names_or_here},
        {"get", "NAME...", "Download files", add_get_command, patterns},
        {"mget", "NAME...", "The same as get", add_get_command, patterns},
        {"put", "FILE... [-o NAME] [-O DIR]", "Upload files", add_put_command, local_files, true, true},
        {"mput", "FILE... [-O DIR]", "The same as put", add_put_command, local_files, true, true},
        {"mirror", "DIR [LOCAL]", "Copy what differs in a directory; -R LOCAL [DIR] to the server", add_mirror_command,
         mirror, false, true},
        {"cat", "NAME...", "Print files", add_cat_command, patterns},
        {"edit", "NAME", "Edit a file; it is put back only if the server's file is still the same", nullptr, names, false,
         true},
        {"rm", "NAME...", "Remove files", add_rm_command, patterns, false, true},
        {"mv", "NAME... TARGET", "Rename or move files", add_mv_command, patterns_and_target, false, true},
        {"mkdir", "DIR...", "Make directories", add_mkdir_command, names, false, true},
        {"rmdir", "DIR...", "Remove empty directories", add_rmdir_command, patterns, false, true},
        {"chmod", "MODE NAME...", "Set permissions", add_chmod_command, mode_and_patterns, false, true},
        {"find", "[DIR...]", "Print the paths below directories", add_find_command, patterns_or_here},
        {"du", "[DIR...]", "Print the bytes in directories", add_du_command, patterns_or_here},
        {"stat", "NAME...", "Print type, size and time", add_stat_command, patterns},
        {"quote", "COMMAND", "Send one FTP command, and print the reply", add_quote_command, ftp_command, false, true},
        {"site", "COMMAND", "Send one SITE command, and print the reply", add_quote_command, ftp_command, false, true},
        {"lcd", "[DIR]", "Change the local directory; alone, to the home directory", nullptr, names, true},
        {"lpwd", "", "Print the local directory"},
        {"lls", "[ARGUMENTS]", "Run ls in the local directory", nullptr, names, true},
        {"!", "[COMMAND]", "Run a command with the system's shell", nullptr, names, true},
        {"bg", "COMMAND", "Run a command in the background, with connections of its own"},
        {"jobs", "", "Print the commands in the background"},
        {"fg", "[NUMBER]", "Wait for a command in the background; Ctrl-C ends it"},
        {"wait", "[NUMBER]", "Wait for all commands in the background, or for one"},
        {"kill", "NUMBER", "End a command in the background, as Ctrl-C does"},
        {"bookmark", "[NAME]", "Give this directory a name, as 'sallyport sites add'; alone, list the names"},
        {"set", "[OPTION [VALUE]]", "Set an option of the connection; alone, print those that are set"},
        {"debug", "[on|off]", "Print commands and replies"},
        {"help", "[COMMAND]", "Print this list, or the options of a command"},
        {"exit", "", "End the shell"},
        {"quit", "", "The same as exit"},
    });
    return verbs;
}

const shell_verb* find_verb_of_shell(std::string_view name) {
    const auto verbs = shell_verbs();
    const auto found = std::ranges::find(verbs, name, &shell_verb::name);
    return found == verbs.end() ? nullptr : &*found;
}

bool is_connection_option(const std::string& name) {
    static const auto all = [] {
        client_options options;
        command_table table;
        options.add_to(table);
        options.add_settings_to(table);
        std::vector<std::string> out;
        for (const auto& group : table.groups)
            for (const auto& row : group.rows)
                if (const auto key = key_of(row); key != "json" && key != "quiet")
                    std::ranges::move(names_of(row), std::back_inserter(out));
        return out;
    }();
    return std::ranges::find(all, name) != all.end();
}

command_table options_of(const shell_verb& verb) {
    if (verb.add == nullptr) return {};
    int ignored = 0;
    CLI::App program("", "sallyport");
    verb.add(program, ignored);
    command_table out;
    for (const auto& group : table_of(*program.get_subcommands({}).front()).groups)
        for (const auto& row : group.rows)
            if (!is_argument(row) && !is_connection_option(names_of(row).back())) out.add(group.title, {row});
    return out;
}

}  // namespace sallyport::cli
