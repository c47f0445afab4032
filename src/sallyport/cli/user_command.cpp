// sallyport user: the accounts of a database for 'sallyport serve --users', and hashes of passwords for its configuration.

#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/cli/account_changes.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/prompt_password.hpp>
#include <sallyport/imports/user_import.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/server/secret.hpp>
#include <sallyport/server/user_database.hpp>

namespace sallyport::cli {
namespace {

using server::database_access;
using server::stored_user;
using server::user_database;

constexpr int failed = 1;
constexpr int invalid = 2;
constexpr int lossy = 3;
constexpr std::size_t max_import = std::size_t{64} << 20U;
constexpr auto exit_codes = "Exit codes: 0 success, 1 the database or a file cannot be used, 2 invalid options or input.";
constexpr auto keys_help =
    "A SETTING is KEY=VALUE, with a key of [user.NAME] in the configuration file, except for the password. A text needs no "
    "quotation marks, a list is written with commas, and KEY= removes the key; docs/server.md describes the keys.";

struct user_job {
    std::string database;
    std::string name;
    std::vector<std::string> names;
    std::vector<std::string> settings;
    std::string file;
    bool is_hash = false;
    bool replace = false;
    bool accept = false;
    bool json = false;
};

std::unexpected<error> misuse(std::string what) { return fail(errc::usage, std::move(what)); }

/// From the terminal without echo, twice if `repeat`; or the first line of standard input if it is a pipe.
result<std::string> read_password(bool repeat) {
    std::string line;
    if (isatty(STDIN_FILENO) == 1) {
        line = prompt_password("Password: ").value_or("");
        if (repeat && !line.empty() && prompt_password("Again: ").value_or("") != line)
            return misuse("the two passwords differ; type the same one twice");
    } else {
        std::getline(std::cin, line);
    }
    if (line.empty()) return misuse("no password on standard input; type one, or pipe it in");
    return line;
}

result<std::string> hash_of(std::string password) {
    auto hash = server::make_hash(password);
    sodium_memzero(password.data(), password.size());
    return hash;
}

result<std::string> read_hash(const user_job& job) {
    auto text = read_password(!job.is_hash);
    if (!text) return text;
    if (!job.is_hash) return hash_of(std::move(*text));
    const auto secret = server::parse_secret(*text);
    if (!secret) return std::unexpected(secret.error());
    if (secret->kind == server::secret_kind::plain)
        return misuse("--hash: standard input has no hash; remove --hash if it is the password");
    return text;
}

result<void> check_name(const std::string& name) {
    if (name.empty() || std::ranges::any_of(name, is_control))
        return misuse("the name is empty or contains control characters; use another one");
    if (proto::is_anonymous_name(name))
        return misuse(
            "this name means anonymous login; use another one, or a section [anonymous] of the configuration file");
    return {};
}

std::unexpected<error> no_account(const std::string& name) {
    return misuse(fmt::format("there is no account '{}'; 'sallyport user list' shows the accounts", escape(name, 100)));
}

result<void> add(const user_job& job) {
    if (auto good = check_name(job.name); !good) return good;
    auto settings = change_settings("", job.settings);
    if (!settings) return std::unexpected(settings.error());
    auto hash = read_hash(job);
    if (!hash) return std::unexpected(hash.error());
    auto database = user_database::open(job.database, database_access::create);
    if (!database) return std::unexpected(database.error());
    const auto known = database->find(job.name);
    if (!known) return std::unexpected(known.error());
    if (*known)
        return misuse(fmt::format("there is an account '{}' already; change it with 'sallyport user set' or 'user passwd'",
                                  escape(job.name, 100)));
    if (auto done = database->put({job.name, std::move(*hash), std::move(*settings)}); !done) return done;
    return database->commit();
}

/// Changes one account.
result<void> change(const user_job& job, const std::function<result<void>(stored_user&)>& how) {
    auto database = user_database::open(job.database, database_access::change);
    if (!database) return std::unexpected(database.error());
    auto known = database->find(job.name);
    if (!known) return std::unexpected(known.error());
    if (!*known) return no_account(job.name);
    if (auto done = how(**known); !done) return done;
    if (auto done = database->put(**known); !done) return done;
    return database->commit();
}

result<void> change_password(const user_job& job) {
    auto hash = read_hash(job);
    if (!hash) return std::unexpected(hash.error());
    return change(job, [&](stored_user& user) {
        user.password = std::move(*hash);
        return result<void>();
    });
}

result<void> set(const user_job& job) {
    return change(job, [&](stored_user& user) -> result<void> {
        auto changed = change_settings(user.settings, job.settings);
        if (!changed) return std::unexpected(changed.error());
        user.settings = std::move(*changed);
        return {};
    });
}

result<void> remove(const user_job& job) {
    auto database = user_database::open(job.database, database_access::change);
    if (!database) return std::unexpected(database.error());
    for (const auto& name : job.names) {
        const auto removed = database->remove(name);
        if (!removed) return std::unexpected(removed.error());
        if (!*removed) return no_account(name);
    }
    return database->commit();
}

result<void> list(const user_job& job) {
    auto database = user_database::open(job.database, database_access::read);
    if (!database) return std::unexpected(database.error());
    const auto users = database->all();
    if (!users) return std::unexpected(users.error());
    for (const auto& user : *users) {
        if (job.json)
            fmt::print("{{\"name\": {}, \"settings\": {}}}\n", json_string(user.name), settings_json(user.settings));
        else
            fmt::print("{}: {}\n", escape(user.name), settings_line(user.settings));
    }
    return {};
}

result<void> store(const user_job& job, const std::vector<stored_user>& users) {
    auto database = user_database::open(job.database, database_access::create);
    if (!database) return std::unexpected(database.error());
    for (const auto& user : users) {
        const auto known = database->find(user.name);
        if (!known) return std::unexpected(known.error());
        if (*known && !job.replace)
            return misuse(
                fmt::format("there is an account '{}' already, so nothing was imported; add --replace, or remove it "
                            "from {}",
                            escape(user.name, 100), job.file));
        if (auto done = database->put(user); !done) return done;
    }
    return database->commit();
}

/// Exit code.
result<int> import(const user_job& job) {
    const auto text = read_small_file(job.file, max_import);
    if (!text) return std::unexpected(text.error());
    auto read = imports::import_users(*text);
    if (!read) return misuse(fmt::format("{}, {}", job.file, read.error().what));
    for (auto& user : read->users) {
        auto settings = change_settings(user.settings, job.settings);
        if (!settings) return misuse(settings.error().what);
        user.settings = std::move(*settings);
    }
    for (const auto& line : read->report) fmt::print("{}\n", line);
    if (read->has_losses && !job.accept) {
        fmt::print(stderr,
                   "sallyport user import: accounts were left out or would be less safe, see the lines above; nothing "
                   "was imported; add --accept to import the others as they are\n");
        return lossy;
    }
    if (auto done = store(job, read->users); !done) return std::unexpected(done.error());
    fmt::print("Imported: {} of {} accounts\n", read->users.size(), read->report.size());
    return 0;
}

result<void> print_hash() {
    const auto password = read_password(false);
    if (!password) return std::unexpected(password.error());
    const auto hash = hash_of(*password);
    if (!hash) return std::unexpected(hash.error());
    fmt::print("{}\n", *hash);
    return {};
}

int code_of(const char* name, const result<int>& outcome) {
    if (outcome) return *outcome;
    fmt::print(stderr, "sallyport user {}: {}\n", name, line_of(outcome.error()));
    return outcome.error().code == errc::usage || outcome.error().code == errc::syntax ? invalid : failed;
}

using job_ptr = std::shared_ptr<user_job>;

option_row database_of(const job_ptr& job) {
    return {"--users", "FILE", required(text(job->database)), "Database of accounts, as for 'sallyport serve --users'"};
}
option_row hash_of_input(const job_ptr& job) {
    return {"--hash", "", flag(job->is_hash), "Standard input has a hash, which is stored as it is"};
}
option_row settings_of(const job_ptr& job, const char* help) { return {"SETTING", "", texts(job->settings), help}; }

struct user_subcommands {
    CLI::App& parent;
    int& exit_code;

    template <class Run>
    void add(const char* name, const char* help, const job_ptr& job, command_table table, Run run) const {
        CLI::App* const command = parent.add_subcommand(name, help);
        if (!table.notes.empty()) table.notes += "\n\n";
        if (!table.notes.contains("Exit codes")) table.notes += exit_codes;
        set_table(*command, std::move(table));
        command->callback([name, job, run, &code = exit_code] {
            result<int> outcome = 0;
            if constexpr (std::is_same_v<decltype(run(*job)), result<int>>)
                outcome = run(*job);
            else if (const result<void> done = run(*job); !done)
                outcome = std::unexpected(done.error());
            code = code_of(name, outcome);
        });
    }
};

void add_changes(const user_subcommands& to) {
    auto job = std::make_shared<user_job>();
    command_table table;
    table.add("Arguments",
              {{"NAME", "", required(text(job->name)), "Name of the account"}, settings_of(job, "What the account may do")});
    table.add("Database", {database_of(job), hash_of_input(job)});
    table.notes = fmt::format(
        "Reads the password from standard input. The database is created if there is none.\n\n{}\n\n"
        "Example:\n  sallyport user add scanner --users /var/lib/sallyport/users.db \\\n"
        "    home=incoming rights=list,write,mkdir",
        keys_help);
    to.add("add", "Add an account to a database", job, std::move(table), add);

    job = std::make_shared<user_job>();
    table = {};
    table.add("Arguments", {{"NAME", "", required(text(job->name)), "Name of the account"}});
    table.add("Database", {database_of(job), hash_of_input(job)});
    table.notes = "Reads the password from standard input. Running sessions are not affected.";
    to.add("passwd", "Change the password of an account", job, std::move(table), change_password);

    job = std::make_shared<user_job>();
    table = {};
    table.add("Arguments", {{"NAME", "", required(text(job->name)), "Name of the account"},
                            settings_of(job, "What changes; other settings stay")});
    table.add("Database", {database_of(job)});
    table.notes = fmt::format(
        "{}\n\nExample:\n  sallyport user set scanner --users /var/lib/sallyport/users.db \\\n"
        "    expires=2030-12-31 max-sessions=",
        keys_help);
    to.add("set", "Change the settings of an account", job, std::move(table), set);

    job = std::make_shared<user_job>();
    table = {};
    table.add("Arguments", {{"NAME", "", required(texts(job->names)), "Names of the accounts"}});
    table.add("Database", {database_of(job)});
    table.notes = "Running sessions are not affected; 'sallyport serve kick' ends them.";
    to.add("delete", "Delete accounts from a database", job, std::move(table), remove);
}

void add_others(const user_subcommands& to) {
    auto job = std::make_shared<user_job>();
    command_table table;
    table.add("Database", {database_of(job)});
    table.add("Output", {{"--json", "", flag(job->json), "Print each account as a JSON object in one line"}});
    to.add("list", "List the accounts of a database with their settings", job, std::move(table), list);

    job = std::make_shared<user_job>();
    table = {};
    table.add("Arguments", {{"FILE", "", required(text(job->file)), "Lines of htpasswd, /etc/shadow, ftpasswd or pure-pw"},
                            settings_of(job, "Settings for all of them, which replace those of FILE")});
    table.add("Database", {database_of(job),
                           {"--replace", "", flag(job->replace), "Replace accounts that are in the database already"},
                           {"--accept", "", flag(job->accept), "Import although accounts are left out or less safe"}});
    table.notes = fmt::format(
        "Hashes stay as they are, so users keep their passwords. Each account has a line in the report. Without rights=..., "
        "they may list and read.\n\n{}\n\nExample:\n  sallyport user import /etc/shadow --users /var/lib/sallyport/users.db "
        "\\\n"
        "    group=partners rights=list,read,write\n\n"
        "Exit codes: 0 success, 1 the database or a file cannot be used, 2 invalid options or FILE, 3 accounts would be "
        "left "
        "out or less safe.",
        keys_help);
    to.add("import", "Import accounts from the files of other servers", job, std::move(table), import);

    table = {};
    table.notes =
        "Use it in a configuration file:\n  user = [\"scanner:$argon2id$...\"]\n\n"
        "Exit codes: 0 success, 1 not enough memory, 2 no password given.";
    to.add("hash", "Read a password from standard input and print its argon2id hash", std::make_shared<user_job>(),
           std::move(table), [](const user_job&) { return print_hash(); });
}

}  // namespace

void add_user_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("user", "Manage accounts and passwords of the server");
    command->require_subcommand(1);
    set_table(*command, {});
    const user_subcommands to{*command, exit_code};
    add_changes(to);
    add_others(to);
}

}  // namespace sallyport::cli
