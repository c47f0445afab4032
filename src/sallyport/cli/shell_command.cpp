// sallyport shell: commands for files of a server, typed or from a script, over connections that stay open.

#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/command_words.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/line_editor.hpp>
#include <sallyport/cli/shell.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/cli/user_directories.hpp>

namespace sallyport::cli {
namespace {

struct shell_job {
    client_options options;
    std::string url;
    std::optional<std::string> commands;
    bool stop = false;
};

/// The commands of a script, whose exit code is that of the first one that failed.
class script {
public:
    script(shell& runs, bool stop) : shell_(runs), stop_(stop) {}

    /// False: the script has ended.
    [[nodiscard]] bool run(std::string_view text) {
        const auto commands = split_commands(text);
        if (!commands) return note(report_error("shell", commands.error(), exit_status::usage));
        for (const auto& each : *commands) {
            const int code = shell_.run(each);
            signal_ = shell_.take_signal();
            if (!note(code) || signal_ != 0 || shell_.has_ended()) return false;
        }
        return true;
    }
    [[nodiscard]] int exit_code() const noexcept { return exit_code_; }
    [[nodiscard]] int signal() const noexcept { return signal_; }

private:
    [[nodiscard]] bool note(int code) {
        if (exit_code_ == 0) exit_code_ = code;
        return code == 0 || !stop_;
    }

    shell& shell_;
    bool stop_;
    int exit_code_ = 0;
    int signal_ = 0;
};

/// While no command runs, Ctrl-C has no effect. Not SIG_IGN, which the programs that the user starts would inherit.
void keep_process_at_signals() {
    std::signal(SIGINT, [](int /*signal*/) {});
}

/// A password in a URL is not kept.
bool has_password(const std::string& line) {
    const auto words = split_words(line);
    if (!words) return true;
    for (const auto& each : *words)
        if (const auto location = client::url::parse(each); location && location->password) return true;
    return line.contains("--user") || line.contains("set user");
}

int run_typed(shell& runs) {
    const auto directory = state_directory();
    line_editor editor(directory.empty() ? directory : directory + "/shell_history",
                       [&runs](std::string_view typed) { return runs.complete(typed); });
    while (!runs.has_ended()) {
        keep_process_at_signals();
        runs.report_jobs();
        const auto line = editor.read(runs.prompt());
        if (!line) {
            fmt::print("\n");
            break;
        }
        if (line->find_first_not_of(" \t") == line->npos) continue;
        if (!has_password(*line)) editor.remember(*line);
        script commands(runs, false);
        static_cast<void>(commands.run(*line));
    }
    static_cast<void>(runs.end());
    return 0;
}

void run_lines_of_input(script& commands) {
    std::string line;
    for (bool goes_on = true; goes_on && std::getline(std::cin, line);) goes_on = commands.run(line);
}

int run_shell(const shell_job& job) {
    int signal = 0;
    int exit_code = 0;
    {
        shell runs(job.options);
        if (!job.url.empty())
            if (const int code = runs.open(job.url); code != 0) return code;
        if (!job.commands && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) return run_typed(runs);
        script commands(runs, job.stop);
        if (job.commands)
            static_cast<void>(commands.run(*job.commands));
        else
            run_lines_of_input(commands);
        const int code_in_background = runs.end();
        exit_code = commands.exit_code() != 0 ? commands.exit_code() : code_in_background;
        signal = commands.signal();
    }
    // The connections are closed now.
    if (signal != 0) end_by_signal(signal);
    return exit_code;
}

}  // namespace

void add_shell_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<shell_job>();
    CLI::App* command = app.add_subcommand("shell", "Type commands for files of a server, or run them from a script");
    command_table table;
    table.add("Arguments", {{"URL", "", text(job->url), std::string(location_forms), "none; 'open' connects"}});
    table.add("Commands", {{"-c,--commands", "TEXT", single([job = job.get()](const std::string& given) -> result<void> {
                                job->commands = given;
                                return {};
                            }),
                            "Run these commands, separated by ';'", "those of standard input"},
                           {"-e,--stop-on-error", "", flag(job->stop), "End a script at the first command that fails"}});
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    job->options.add_transfers_to(table, true);
    job->options.add_learning_to(table);
    table.notes =
        "The commands are those for files of a server, with names in the place of URLs; 'sallyport shell -c help' lists "
        "them. "
        "The exit code of a script is that of its first command that failed.\n\n"
        "Examples:\n"
        "  sallyport shell ftpes://partner@ftp.example.org/\n"
        "  sallyport shell -e -c 'cd out; get *.csv; mv *.csv done/' partner:\n\n" +
        table.notes;
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run_shell(*job); });
}

}  // namespace sallyport::cli
