#pragma once
// The commands of `sallyport shell`: one session with a server, in which names are relative to a current directory. Commands
// that client commands have too are run by those, with their options.
//
// Owned by the command; the main thread. Every command returns an exit code; what failed has been printed.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/command_words.hpp>
#include <sallyport/cli/kept_site.hpp>
#include <sallyport/cli/line_editor.hpp>
#include <sallyport/cli/remote_names.hpp>
#include <sallyport/cli/shell_arguments.hpp>
#include <sallyport/cli/shell_jobs.hpp>
#include <sallyport/cli/shell_verbs.hpp>

namespace sallyport::cli {

class shell {
public:
    explicit shell(const client_options& options) : options_(options) {}

    /// Connects, and enters the directory of the URL.
    [[nodiscard]] int open(const std::string& url);
    /// Runs one command.
    [[nodiscard]] int run(const command_words& words);

    /// Prints the results of the commands in the background that have ended.
    void report_jobs();
    /// Waits for the others; the exit code of the first one that fails.
    [[nodiscard]] int end();

    /// The user has asked for the end.
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    /// The signal that has ended the last command; 0: none. Forgets it.
    [[nodiscard]] int take_signal();

    /// "ftp.example.org:21:/dir> ", escaped.
    [[nodiscard]] std::string prompt() const;
    /// Of the word at the end of a line that is being typed.
    [[nodiscard]] std::optional<completion> complete(std::string_view typed);

private:
    [[nodiscard]] int run_own(std::string_view name, const command_words& arguments);
    [[nodiscard]] int run_client(const shell_verb& verb, const command_words& arguments);
    /// The command line of the program that does the same. Errors are for the user.
    [[nodiscard]] result<std::vector<std::string>> client_words(const shell_verb& verb,
                                                                const command_words& arguments) const;
    [[nodiscard]] int run_in_background(const command_words& arguments);
    /// jobs, fg, wait and kill.
    [[nodiscard]] int run_on_jobs(std::string_view name, const command_words& arguments);
    [[nodiscard]] int change_directory(const command_words& arguments);
    [[nodiscard]] int edit(const command_words& arguments);
    [[nodiscard]] int set_option(const command_words& arguments);
    [[nodiscard]] int bookmark(const command_words& arguments);
    [[nodiscard]] int debug(const command_words& arguments);
    [[nodiscard]] int connect(const client::url& site, const std::string& path,
                              const std::optional<client::credentials>& login);
    /// The directory, as a path from the root if the server says where it is.
    [[nodiscard]] client::outcome<std::string> enter(const std::string& path);

    client_options options_;
    std::unique_ptr<kept_site> site_;
    std::optional<remote_names> names_;
    shell_jobs jobs_;
    shell_place place_;
    /// Of the login.
    std::string home_;
    bool prints_transcript_ = false;
    bool has_ended_ = false;
};

}  // namespace sallyport::cli
