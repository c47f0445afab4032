// sallyport serve: the FTP/FTPS server.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/admin_commands.hpp>
#include <sallyport/cli/command_service.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/front_options.hpp>
#include <sallyport/cli/option_types.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/handover.hpp>
#include <sallyport/server/server.hpp>
#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::cli {
namespace {

constexpr auto name = "sallyport serve";

struct serve_options {
    front_options front;
    std::string directory;
    std::vector<std::string> users;
    std::vector<std::string> readers;
    bool anonymous = false;
    bool no_passive = false;
    bool no_active = false;
    bool ccc = false;
    std::string sync = "full";
    std::string greeting = "Sallyport ready.";

    void add_to(CLI::App& command);
    [[nodiscard]] result<server::settings> settings() const;
    [[nodiscard]] start_subject subject(const config_places& places) const;
};

void serve_options::add_to(CLI::App& command) {
    const auto several = CLI::MultiOptionPolicy::TakeAll;
    command.add_option("DIR", directory, "Directory to share")->check(CLI::ExistingDirectory);
    command
        .add_option(
            "--user", users,
            "A user who may read and write; repeatable. PASSWORD may be a hash from 'sallyport user hash', @FILE for the "
            "first line of a file, or plain:TEXT for a password that looks like something else")
        ->type_name("NAME:PASSWORD")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command.add_option("--reader", readers, "A user who may only read; repeatable")
        ->type_name("NAME:PASSWORD")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command.add_flag("--anonymous", anonymous, "Anybody may read");
    command.add_flag("--ccc", ccc,
                     "Allow clients to go back to a plain control connection (CCC), for firewalls that must read it");
    command.add_flag("--no-passive", no_passive, "Refuse passive mode");
    command.add_flag("--no-active", no_active, "Refuse active mode");
    command
        .add_option("--upload-sync", sync,
                    "full: an upload, or a change of names, is on the disk before it is acknowledged; none: left to the "
                    "system")
        ->type_name("full|none")
        ->capture_default_str();
    command.add_option("--greeting", greeting, "Text of the 220 reply")->type_name("TEXT")->capture_default_str();
    front.add_to(command);
    front.operation.add_control_to(command);
    front.operation.add_replacement_to(command);
    command.footer(
        "Examples:\n"
        "  sallyport serve /srv/files --anonymous\n"
        "  sallyport serve /srv/files --user scanner:@/etc/sallyport/scanner.password --listen 0.0.0.0:21 \\\n"
        "    --passive-ports 30000-30099 --external-address ftp.example.org --tls-cert cert.pem\n"
        "SIGHUP and 'sallyport serve reload' read the --config file anew, users and certificates too; SIGUSR2 and "
        "'sallyport "
        "serve restart' start a new process that takes the place of this one. Sessions that run keep what they have.\n"
        "Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong options or configuration.\n" +
        option_types_help());
}

result<server::settings> serve_options::settings() const {
    server::settings out;
    if (directory.empty()) return fail(errc::usage, "DIR: which directory? give it, as in sallyport serve /srv/files");
    if (auto filled = front.fill(out); !filled) return std::unexpected(filled.error());
    auto known = parse_users(users, readers);
    if (!known) return std::unexpected(known.error());
    out.users = std::move(*known);
    if (out.users.empty() && !anonymous) {
        return fail(errc::usage,
                    "--user: nobody could log in; add --anonymous, --user NAME:PASSWORD or --reader NAME:PASSWORD");
    }
    if (no_passive && no_active)
        return fail(errc::usage, "--no-passive and --no-active: together they leave no way to move a file; take one away");
    if (sync != "full" && sync != "none") return fail(errc::usage, fmt::format("--upload-sync {}: give full or none", sync));
    auto files =
        vfs::open_posix_filesystem(directory, {.sync = sync == "full" ? vfs::durability::full : vfs::durability::none});
    if (!files) return std::unexpected(files.error());
    out.files = std::move(*files);
    out.anonymous = anonymous;
    out.greeting = greeting;
    out.passive = !no_passive;
    out.active = !no_active;
    out.ccc = ccc;
    return out;
}

start_subject serve_options::subject(const config_places& places) const {
    auto out = front.subject(places);
    out.passive = !no_passive;
    out.passwords = !users.empty() || !readers.empty();
    out.logins = fmt::format("Accounts: {} with --user, {} with --reader{}", users.size(), readers.size(),
                             anonymous ? ", and anonymous" : "");
    for (const auto* list : {&users, &readers})
        for (const auto& file : secret_files(*list))
            if (is_world_readable(file)) out.exposed.push_back({file, "Password file"});
    if (!users.empty() && !is_writable_directory(directory)) out.unwritable = directory;
    return out;
}

/// For "check".
result<std::string> checked(const CLI::App& command) {
    const auto good = load_options<serve_options>("serve", values_of(command));
    if (!good) return std::unexpected(good.error());
    const auto& settings = good->settings;
    return fmt::format("Good: {} accounts{}\n{}", settings.users.size(), settings.anonymous ? " and anonymous" : "",
                       text_of(make_report(good->options.subject(good->places), look_at_machine())));
}

int run(CLI::App& command, const serve_options& options) {
    auto handover = ops::receive_handover();  // first of all: a failure is reported to the old process
    const auto on_command_line = values_of(command);
    const auto ready = prepare(command, options.front);
    if (!ready) return ops::report_start_failure(name, ready.error(), handover.from);
    auto settings = options.settings();
    if (!settings) return ops::report_start_failure(name, ready->locate(settings.error()), handover.from);
    std::optional<vfs::leftover_sweep> sweep;
    const auto report = [&](const std::vector<endpoint>& listening) {
        sweep.emplace(options.directory);
        log_report(make_report(as_started(options.subject(*ready), listening), look_at_machine()));
    };
    command_service<serve_options, server::server> source("serve", on_command_line, values_of(command), *settings, report);
    return ops::run_daemon(plan_of("serve", options.front), source, std::move(handover));
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<serve_options>();
    CLI::App* command = app.add_subcommand("serve", "Serve a directory by FTP and FTPS");
    options->add_to(*command);
    const auto check = [command] { return checked(*command); };
    add_admin_commands({.command = *command, .options = options->front, .settings = check}, exit_code);
    command->callback([options, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run(*command, *options);
    });
}

}  // namespace sallyport::cli
