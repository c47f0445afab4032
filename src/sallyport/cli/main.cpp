// The sallyport program: finds the subcommand, runs it, returns its exit code.

#include <exception>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>

int main(int argc, char** argv) {
    CLI::App app{
        "FTP and FTPS that get through firewalls, NAT routers and load balancers, and say what is wrong where they can't.",
        "sallyport"};
    app.set_version_flag("--version", "sallyport " SALLYPORT_VERSION);
    app.require_subcommand(1);
    app.footer("'sallyport COMMAND --help' describes a command.");
    int exit_code = 0;
    sallyport::cli::add_up_command(app, exit_code);
    sallyport::cli::add_serve_command(app, exit_code);
    sallyport::cli::add_gate_command(app, exit_code);
    sallyport::cli::add_get_command(app, exit_code);
    sallyport::cli::add_put_command(app, exit_code);
    sallyport::cli::add_ls_command(app, exit_code);
    sallyport::cli::add_user_command(app, exit_code);
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
