// The sallyport program: finds the subcommand, runs it, returns its exit code.

#include <exception>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>

namespace {

/// One line: the command, the option, the cause, the next step.
std::string wrong_usage(const CLI::App* app, const CLI::Error& why) {
    std::string name = app->get_name();
    for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
        app = chosen.back();
        name += ' ' + app->get_name();
    }
    std::string line = sallyport::cli::line_of({sallyport::errc::usage, 0, why.what()});
    // Who mistypes a command wants to see it, and not that one is required.
    if (const auto left = app->remaining(); dynamic_cast<const CLI::RequiredError*>(&why) != nullptr && !left.empty())
        line = sallyport::cli::line_of({sallyport::errc::usage, 0, "there is no command or option " + left.front()});
    if (line.find("; ") == std::string::npos) line += fmt::format("; see {} --help", name);
    return fmt::format("{}: {}\n", name, line);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "FTP and FTPS that get through firewalls, NAT routers and load balancers, and say what is wrong where they can't.",
        "sallyport"};
    app.set_version_flag("--version", "sallyport " SALLYPORT_VERSION);
    app.require_subcommand(1);
    app.failure_message(wrong_usage);
    app.footer("'sallyport COMMAND --help' describes a command.");
    int exit_code = 0;
    sallyport::cli::add_up_command(app, exit_code);
    sallyport::cli::add_serve_command(app, exit_code);
    sallyport::cli::add_gate_command(app, exit_code);
    sallyport::cli::add_get_command(app, exit_code);
    sallyport::cli::add_put_command(app, exit_code);
    sallyport::cli::add_ls_command(app, exit_code);
    sallyport::cli::add_user_command(app, exit_code);
    sallyport::cli::add_cert_command(app, exit_code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        // Help and version are "errors" with code 0; everything else is wrong usage.
        return app.exit(e) == 0 ? 0 : 2;
    } catch (const std::exception& e) {
        fmt::print(stderr, "sallyport: a bug, please report it: {}\n", e.what());
        return 1;
    }
    return exit_code;
}
