// The sallyport program: finds the subcommand, runs it, returns its exit code.

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/completion.hpp>
#include <sallyport/cli/help.hpp>
#include <sallyport/cli/man_page.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/option_text.hpp>
#include <sallyport/cli/sample_file.hpp>
#include <sallyport/cli/settings_reference.hpp>

namespace sallyport::cli {
namespace {

enum class help_format { text, man, markdown, toml, bash, zsh, fish, commands };

struct help_job {
    std::vector<std::string> command;
    help_format format = help_format::text;
};

/// In the forms that packages and tools/settings-page use.
std::string written_help(const CLI::App& program, const CLI::App& command, help_format format) {
    switch (format) {
        case help_format::text: break;
        case help_format::man: return man_page(command, SALLYPORT_VERSION);
        case help_format::markdown: return settings_page(program);
        case help_format::toml:
            return &command == &program ? configuration_man_page(program, SALLYPORT_VERSION) : sample_file(command);
        case help_format::bash: return bash_completion(program);
        case help_format::zsh: return zsh_completion(program);
        case help_format::fish: return fish_completion(program);
        case help_format::commands: {
            std::string out;
            for (const auto* each : with_subcommands(program)) out += full_name(*each) + '\n';
            return out;
        }
    }
    return help_text(command, table_of(command), terminal_width());
}

int show_help(const CLI::App& program, const help_job& job) {
    const CLI::App* command = &program;
    for (const auto& name : job.command) {
        std::vector<std::string> known;
        const CLI::App* found = nullptr;
        for (const auto* each : command->get_subcommands({})) {
            known.push_back(each->get_name());
            if (each->get_name() == name) found = each;
        }
        if (found == nullptr) {
            fmt::print(stderr, "sallyport help: unknown command {}{}\n", escape(name, 100),
                       did_you_mean(name, known, fmt::format("see '{} --help'", full_name(*command))));
            return 2;
        }
        command = found;
    }
    if (job.format == help_format::toml && command != &program && !has_sample_file(*command)) {
        fmt::print(stderr, "sallyport help: there is no sample file for '{}'; use --format toml with serve or gate\n",
                   full_name(*command));
        return 2;
    }
    fmt::print("{}", written_help(program, *command, job.format));
    return 0;
}

void add_help_command(CLI::App& program, int& exit_code) {
    auto job = std::make_shared<help_job>();
    auto* const command =
        program.add_subcommand("help", "Print the help of a command, such as 'sallyport help gate status'");
    command_table table;
    table.add("Arguments", {{"COMMAND", "", texts(job->command), "The command", "the program itself"}});
    table.add("Output", {{"--format", "FORMAT",
                          choice(job->format, "format",
                                 choices<help_format>{{"text", help_format::text},
                                                      {"man", help_format::man},
                                                      {"toml", help_format::toml},
                                                      {"markdown", help_format::markdown},
                                                      {"bash", help_format::bash},
                                                      {"zsh", help_format::zsh},
                                                      {"fish", help_format::fish},
                                                      {"commands", help_format::commands}}),
                          "text, man, toml, bash, zsh, fish, markdown or commands"}});
    table.notes =
        "man is a manual page. toml is a sample of the configuration file of serve or gate; without a command, it is the "
        "manual page of that file. bash, zsh and fish are completions; markdown has the options of all commands, and "
        "commands "
        "their names.\n\n"
        "Examples:\n"
        "  sallyport help --format man gate | man -l -\n"
        "  sallyport help --format toml serve > serve.toml\n"
        "  source <(sallyport help --format bash)\n\n"
        "Exit codes: 0 success, 2 unknown command or format.";
    set_table(*command, std::move(table));
    command->callback([job, &program, &exit_code] { exit_code = show_help(program, *job); });
}

/// Flushes the log at every exit of main.
struct log_end {
    log_end() = default;
    ~log_end() { sallyport::log::flush(sallyport::log::end_deadline()); }
    log_end(const log_end&) = delete;
    log_end& operator=(const log_end&) = delete;
};

}  // namespace
}  // namespace sallyport::cli

int main(int argc, char** argv) {
    using namespace sallyport::cli;
    const log_end waits;
    CLI::App app{"FTP and FTPS server, client and gateway for networks with firewalls and NAT", "sallyport"};
    app.set_version_flag("-V,--version", "sallyport " SALLYPORT_VERSION);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App* program, const CLI::Error& why) { return wrong_usage(*program, why); });
    set_table(app, {.notes = "Run 'sallyport COMMAND --help' for the options of a command."});
    int exit_code = 0;
    add_up_command(app, exit_code);
    add_serve_command(app, exit_code);
    add_gate_command(app, exit_code);
    add_get_command(app, exit_code);
    add_put_command(app, exit_code);
    add_ls_command(app, exit_code);
    add_mirror_command(app, exit_code);
    add_copy_command(app, exit_code);
    add_rm_command(app, exit_code);
    add_mv_command(app, exit_code);
    add_mkdir_command(app, exit_code);
    add_rmdir_command(app, exit_code);
    add_chmod_command(app, exit_code);
    add_stat_command(app, exit_code);
    add_cat_command(app, exit_code);
    add_find_command(app, exit_code);
    add_du_command(app, exit_code);
    add_quote_command(app, exit_code);
    add_shell_command(app, exit_code);
    add_sites_command(app, exit_code);
    add_doctor_command(app, exit_code);
    add_reach_command(app, exit_code);
    add_import_command(app, exit_code);
    add_user_command(app, exit_code);
    add_cert_command(app, exit_code);
    add_firewall_command(app, exit_code);
    add_help_command(app, exit_code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        // Help and version are exceptions with code 0; every other one is wrong usage.
        return app.exit(e) == 0 ? 0 : 2;
    } catch (const std::exception& e) {
        fmt::print(stderr, "sallyport: a bug, please report it: {}\n", e.what());
        return 1;
    }
    return exit_code;
}
