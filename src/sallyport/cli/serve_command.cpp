// sallyport serve: the FTP/FTPS server.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/cli/account_sections.hpp>
#include <sallyport/cli/admin_commands.hpp>
#include <sallyport/cli/command_policy_options.hpp>
#include <sallyport/cli/command_service.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/daemon_options.hpp>
#include <sallyport/cli/help.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/system_users.hpp>
#include <sallyport/cli/text_options.hpp>
#include <sallyport/cli/user_database_accounts.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/handover.hpp>
#include <sallyport/server/server.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::cli {
namespace {

constexpr auto serve_program = "sallyport serve";

/// Whether the accounts can be read.
result<void> check_database(const std::string& file) {
    if (const auto opened = server::user_database::open(file, server::database_access::read); !opened)
        return fail(errc::usage, fmt::format("--users {}", opened.error().text()));
    return {};
}

std::string directory_of(const std::string& file) { return std::filesystem::absolute(file).parent_path().string(); }

struct serve_options {
    daemon_options daemon;
    std::string directory;
    std::vector<std::string> users;
    std::vector<std::string> readers;
    std::string database;
    bool renew_hashes = false;
    std::string pam;
    system_user_choice system_users = system_user_choice::all;
    bool anonymous = false;
    account_sections accounts;
    bool no_passive = false;
    bool no_active = false;
    bool allow_ccc = false;
    command_policy_options commands;
    vfs::sync_policy sync = vfs::sync_policy::full;
    bool keep_partial = false;
    text_options shown_texts;

    void add_to(CLI::App& command);
    [[nodiscard]] bool has_accounts() const;
    [[nodiscard]] result<server::settings> settings() const;
    [[nodiscard]] report_input subject(const config_locations& locations) const;
    [[nodiscard]] confinement_needs needs(const std::string& control_socket) const;
};

void serve_options::add_to(CLI::App& command) {
    command_table table;
    table.add("Arguments", {{"DIR", "", not_in_file(existing_directory(directory)), "Directory to share", "required"}});
    table.add(
        "Accounts and files",
        {{"--user", "NAME:PASSWORD", texts(users), "Account with read and write access; PASSWORD may be a hash"},
         {"--reader", "NAME:PASSWORD", texts(readers), "Account with read-only access"},
         {"--users", "FILE", text(database), "Database of accounts, made by 'sallyport user add'", "none"},
         {"--renew-hashes", "", flag(renew_hashes), "Replace other hashes of --users by argon2id at the next login"},
         {"--pam", "SERVICE", text(pam), "Let users of the system log in; this PAM service checks them", "none"},
         {"--pam-users", "all|listed",
          choice(system_users, "value",
                 choices<system_user_choice>{{"all", system_user_choice::all}, {"listed", system_user_choice::listed}}),
          "Users of the system who may log in: all, or those with [user.NAME]"},
         {"--anonymous", "", flag(anonymous), "Allow anonymous login, to read what every user of this machine may read"},
         {"--upload-sync", "full|none",
          choice(sync, "value",
                 choices<vfs::sync_policy>{{"full", vfs::sync_policy::full}, {"none", vfs::sync_policy::none}}),
          "Sync uploads and renames to disk before replying: full or none"},
         {"--partial-uploads", "delete|keep",
          choice(keep_partial, "value", choices<bool>{{"delete", false}, {"keep", true}}),
          "What becomes of new files that are cut off; kept ones are NAME.partial"}});
    shown_texts.add_to(table);
    daemon.add_to(table, "serve");
    table.add("Listening and TLS",
              {{"--allow-ccc", "", flag(allow_ccc), "Let logged-in clients end TLS on the control connection (CCC)"}});
    commands.add_to(table);
    table.add("Data connections", {{"--no-passive", "", flag(no_passive), "Refuse passive mode (PASV, EPSV)"},
                                   {"--no-active", "", flag(no_active), "Refuse active mode (PORT, EPRT)"}});
    daemon.logging_and_control.add_control_to(table);
    daemon.logging_and_control.add_restart_to(table);
    daemon.logging_and_control.add_watchdog_to(table);
    table.notes =
        "PASSWORD may also be @FILE for the first line of FILE, or plain:TEXT for TEXT as it is.\n"
        "Sections of the configuration file ([user.NAME], [group.NAME], [anonymous], [default]) give\n"
        "accounts homes, rights and limits; docs/server.md describes them. 'sallyport user' changes the\n"
        "accounts of --users while the server runs. --pam needs root at the start.\n\n"
        "Examples:\n"
        "  sallyport serve /srv/files --anonymous\n"
        "  sallyport serve /srv/files --listen 0.0.0.0:21 --tls-cert cert.pem \\\n"
        "    --user scanner:@/etc/sallyport/scanner.password \\\n"
        "    --passive-ports 30000-30099 --external-address ftp.example.org\n\n" +
        option_types_help() + daemon_exit_codes;
    set_table(command, std::move(table));
}

bool serve_options::has_accounts() const {
    return !users.empty() || !readers.empty() || !database.empty() || !pam.empty() || anonymous ||
           accounts.user_count() > 0 || accounts.has_anonymous();
}

result<server::settings> serve_options::settings() const {
    server::settings out;
    if (directory.empty()) return fail(errc::usage, "no directory given; use sallyport serve DIR");
    if (auto filled = daemon.fill(out); !filled) return std::unexpected(filled.error());
    auto known = parse_users(users, readers);
    if (!known) return std::unexpected(known.error());
    out.users = std::move(*known);
    if (!has_accounts()) {
        return fail(
            errc::usage,
            "no account is configured; add --user NAME:PASSWORD, --reader NAME:PASSWORD, --users FILE or --anonymous, or a "
            "section [user.NAME] or [anonymous] to the configuration file");
    }
    if (no_passive && no_active)
        return fail(errc::usage,
                    "--no-passive and --no-active exclude each other; data connections need one of the two modes");

    auto files = vfs::open_posix_filesystem(directory, {.sync = sync});
    if (!files) return std::unexpected(files.error());
    out.files = std::move(*files);
    if (anonymous) out.anonymous = server::make_anonymous();
    if (!pam.empty()) {
        if (auto good = check_pam_service(pam); !good) return std::unexpected(good.error());
        out.system_users = system_users_of(accounts, system_users, directory, sync);
    }
    if (auto added = accounts.add_to(out, directory, sync); !added) return std::unexpected(added.error());
    if (const auto where = accounts.first_certificate(); !where.empty() && daemon.client_ca.empty())
        return fail(
            errc::usage,
            fmt::format("{}: certificate: the certificates of clients are not requested; add --client-ca FILE", where));
    if (renew_hashes && database.empty()) return fail(errc::usage, "--renew-hashes needs a database; add --users FILE");
    if (!database.empty()) {
        if (auto good = check_database(database); !good) return std::unexpected(good.error());
        out.stored = accounts_of_database(database, accounts, directory, sync);
    }
    if (auto filled = shown_texts.fill(out); !filled) return std::unexpected(filled.error());
    const auto allowed = commands.policy();
    if (!allowed) return std::unexpected(allowed.error());
    out.commands = *allowed;
    out.keep_partial_uploads = keep_partial;
    out.passive_allowed = !no_passive;
    out.active_allowed = !no_active;
    out.ccc_allowed = allow_ccc;
    if (allow_ccc && !out.tls) return fail(errc::usage, "--allow-ccc requires a certificate; add --tls-cert FILE");
    return out;
}

report_input serve_options::subject(const config_locations& locations) const {
    auto out = daemon.subject(locations);
    out.passive = !no_passive;
    out.active = !no_active;
    out.anonymous = anonymous || accounts.has_anonymous();
    out.passwords = !users.empty() || !readers.empty() || accounts.user_count() > 0 || !database.empty() || !pam.empty();
    out.logins = fmt::format("Accounts: {} with --user, {} with --reader{}{}{}{}", users.size(), readers.size(),
                             accounts.user_count() > 0 ? fmt::format(", {} in sections", accounts.user_count()) : "",
                             database.empty() ? "" : ", those in " + database,
                             pam.empty() ? "" : ", users of the system (PAM service " + pam + ")",
                             out.anonymous ? ", and anonymous" : "");
    for (const auto* list : {&users, &readers})
        for (const auto& file : secret_files(*list))
            if (is_world_readable(file)) out.exposed.push_back({file, "Password file"});
    for (const auto& file : accounts.secret_files())
        if (is_world_readable(file)) out.exposed.push_back({file, "Password file"});
    if (!database.empty() && is_world_readable(database)) out.exposed.push_back({database, "Database of accounts"});
    if (!users.empty() && !shared_directory(directory).is_writable()) out.unwritable = directory;
    return out;
}

confinement_needs serve_options::needs(const std::string& control_socket) const {
    confinement_needs out{.directory = directory, .control_socket = control_socket, .has_helper = true};
    for (const auto* list : {&users, &readers})
        for (const auto& file : secret_files(*list)) out.files_to_read.push_back(file);
    for (const auto& file : accounts.secret_files()) out.files_to_read.push_back(file);
    for (const auto& file : shown_texts.files()) out.files_to_read.push_back(file);
    out.directories_to_write = accounts.homes(directory);
    if (!pam.empty()) {
        const auto homes = accounts.homes_of_stored(directory);
        out.directories_to_write.insert(out.directories_to_write.end(), homes.begin(), homes.end());
    }
    if (database.empty()) return out;
    out.files_to_read.push_back(database);
    if (renew_hashes) out.directories_to_write.push_back(directory_of(database));
    // If it cannot be read, the start fails later.
    if (const auto homes = homes_of_database(database, accounts, directory))
        out.directories_to_write.insert(out.directories_to_write.end(), homes->begin(), homes->end());
    return out;
}

/// The report of "check".
result<std::string> checked(const CLI::App& command) {
    const auto good = load_options<serve_options>("serve", values_of(command));
    if (!good) return std::unexpected(good.error());
    const auto& settings = good->settings;
    return fmt::format("Configuration is valid: {}{}\n{}", status::with_plural(settings.users.size(), "account"),
                       settings.anonymous ? ", anonymous login enabled" : "",
                       text_of(make_report(good->options.subject(good->locations), read_machine_facts())));
}

int run(CLI::App& command, serve_options& options) {
    // Before anything else, so that every failure is reported to the old process.
    auto handover = ops::receive_handover();
    const auto on_command_line = values_of(command);
    const auto ready = prepare(command, options.daemon, &options.accounts);
    if (!ready) return ops::report_start_failure(serve_program, ready.error(), handover.from);
    auto plan = plan_of("serve", options.daemon);
    if (!plan) return ops::report_start_failure(serve_program, ready->locate(plan.error()), handover.from);
    const auto needs = options.needs(plan->control.place.path);
    const auto rights = start_helper(options.daemon, needs);
    if (!rights) return ops::report_start_failure(serve_program, rights.error(), handover.from);
    const auto pam = start_pam(options.pam);
    if (!pam) return ops::report_start_failure(serve_program, ready->locate(pam.error()), handover.from);
    auto confined = prepare_confinement(options.daemon, needs);
    if (!confined) return ops::report_start_failure(serve_program, ready->locate(confined.error()), handover.from);
    if (const auto opened = open_log(options.daemon); !opened)
        return ops::report_start_failure(serve_program, opened.error(), handover.from);
    auto settings = options.settings();
    if (!settings) return ops::report_start_failure(serve_program, ready->locate(settings.error()), handover.from);
    std::optional<vfs::leftover_sweep> sweep;
    const shared_directory shared(options.directory);
    const auto report = [&](const std::vector<endpoint>& listening) {
        auto directories = options.accounts.homes(options.directory);
        directories.push_back(options.directory);
        sweep.emplace(std::move(directories));
        auto subject = with_listeners(options.subject(*ready), listening);
        subject.unwritable = options.users.empty() || shared.is_writable() ? "" : options.directory;
        log_report(make_report(subject, read_machine_facts()));
        // As the user that the process has become.
        if (options.database.empty()) return;
        if (const auto good = check_database(options.database); !good)
            log::error({}, fmt::format("No account of the database can log in: {}", good.error().text()));
        if (const auto at = directory_of(options.database); options.renew_hashes && ::access(at.c_str(), W_OK) != 0)
            log::error({}, fmt::format("Hashes cannot be renewed: this user may not write to {}; give it the directory, or "
                                       "remove --renew-hashes",
                                       escape(at, 300)));
    };
    // Its thread is subject to the confinement.
    const auto renewal = options.renew_hashes ? std::make_shared<server::hash_renewal>(options.database) : nullptr;
    // --pam and --renew-hashes take effect at a start only.
    const auto use_helper = [&pam, &renewal](server::settings& of_server) {
        of_server.hash_renewal = renewal;
        if (of_server.system_users) of_server.system_users->pam = *pam;
    };
    command_service<serve_options, server::server> source("serve", on_command_line, all_values(command, options), *settings,
                                                          use_helper, report);
    plan->confinement = std::move(*confined);
    return ops::run_daemon(*plan, source, std::move(handover), **rights);
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<serve_options>();
    CLI::App* command = app.add_subcommand("serve", "Run an FTP and FTPS server for a directory");
    options->add_to(*command);
    const auto check = [command] { return checked(*command); };
    add_admin_commands({.command = *command, .options = options->daemon, .settings = check}, exit_code);
    command->callback([options, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run(*command, *options);
    });
}

}  // namespace sallyport::cli
