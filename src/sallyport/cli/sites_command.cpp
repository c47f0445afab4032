// sallyport sites: names for the URLs of servers with their settings, and what the client has learned of servers.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_layers.hpp>
#include <sallyport/cli/site_database.hpp>
#include <sallyport/cli/site_memory.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/utc_text.hpp>

namespace sallyport::cli {
namespace {

constexpr int database_failed = 1;
constexpr int wrong_arguments = 2;
constexpr auto exit_codes_help = "Exit codes: 0 success, 1 the database cannot be used, 2 invalid arguments.";

struct sites_job {
    std::string name;
    std::vector<std::string> names;
    std::string url;
    client_options settings;
    bool replace = false;
    bool all = false;
    bool json = false;
};

std::unexpected<error> wrong(std::string what) { return fail(errc::usage, std::move(what)); }

result<site_database> open_sites(site_access how) { return site_database::open(site_database_file(), how); }

// ---- Text

/// " --ca='/etc/ca.pem' --passive".
std::string settings_text(const option_values& settings) {
    std::string out;
    for (const auto& [key, values] : settings)
        for (const auto& each : values)
            out += fmt::format(" --{}{}", key, each == "true" ? "" : "=" + shell_word(escape(each, 1000)));
    return out;
}

std::string settings_json(const option_values& settings) {
    std::string out;
    for (const auto& [key, values] : settings) {
        std::vector<std::string> texts;
        for (const auto& each : values) texts.push_back(json_string(each));
        out += fmt::format("{}{}:{}", out.empty() ? "" : ",", json_string(key),
                           texts.size() == 1 ? texts.front() : fmt::format("[{}]", fmt::join(texts, ",")));
    }
    return "{" + out + "}";
}

std::string site_json(const named_site& site) {
    return fmt::format(R"("name":{},"url":{},"settings":{})", json_string(site.name), json_string(site.url),
                       settings_json(site.settings));
}

std::string fact_text(const stored_fact& stored) {
    return fmt::format("  {} {}: {} in the network {}, from {} to {} UTC\n", stored.fact.name,
                       escape(stored.fact.value, 100), escape(stored.of.user, 100), escape(stored.of.network, 200),
                       utc_minute(stored.fact.since), utc_minute(end_of(stored.fact)));
}

std::string fact_json(const stored_fact& stored) {
    return fmt::format(R"({{"fact":{},"value":{},"user":{},"tls":{},"network":{},"since":{},"until":{}}})",
                       json_string(stored.fact.name), json_string(stored.fact.value), json_string(stored.of.user),
                       json_string(stored.of.tls), json_string(stored.of.network), stored.fact.since, end_of(stored.fact));
}

// ---- The commands

/// The URL of a site by its name, with or without the colon, or a URL.
result<client::url> server_of(const std::string& text) {
    auto found = parse_location(is_site_name(text) ? text + ":" : text);
    // What is wrong with a URL is wrong usage, whatever its kind.
    if (!found && !split_site_path(text)) return wrong(found.error().text());
    return found;
}

result<void> list_sites(const sites_job& job) {
    std::vector<named_site> sites;
    if (auto database = open_sites(site_access::read)) {
        auto all = database->all();
        if (!all) return std::unexpected(std::move(all.error()));
        sites = std::move(*all);
    } else if (database.error().code != errc::not_found) {
        return std::unexpected(std::move(database.error()));
    }
    std::string objects;
    for (const auto& site : sites) {
        if (!job.json) fmt::print("{}: {}{}\n", site.name, escape(site.url, 2000), settings_text(site.settings));
        objects += fmt::format("{}{{{}}}", objects.empty() ? "" : ",", site_json(site));
    }
    if (job.json)
        fmt::print(R"({{"ok":true,"exit_code":0,"sites":[{}]}})"
                   "\n",
                   objects);
    return {};
}

struct server_knowledge {
    std::vector<stored_fact> facts;
    std::optional<trusted_key> key;
};

result<server_knowledge> knowledge_of(const client::url& server) {
    auto database = open_sites(site_access::read);
    if (!database && database.error().code == errc::not_found) return server_knowledge{};
    if (!database) return std::unexpected(std::move(database.error()));
    const auto host = to_lower(server.host);
    auto facts = database->learned_of(host, server.port);
    if (!facts) return std::unexpected(std::move(facts.error()));
    std::erase_if(*facts, [now = seconds_now()](const auto& each) { return end_of(each.fact) <= now; });
    auto key = database->key_of(host, server.port);
    if (!key) return std::unexpected(std::move(key.error()));
    return server_knowledge{std::move(*facts), std::move(*key)};
}

void print_knowledge(const server_knowledge& known) {
    if (known.key) fmt::print("Key: {}, since {} UTC\n", known.key->key, utc_minute(known.key->since));
    fmt::print("Learned:{}\n", known.facts.empty() ? " nothing" : "");
    for (const auto& each : known.facts) fmt::print("{}", fact_text(each));
}

result<void> show_site(const sites_job& job) {
    const auto server = server_of(job.name);
    if (!server) return std::unexpected(server.error());
    named_site site{{}, server->text(), {}};
    if (!server->site.empty()) {
        auto found = find_site(server->site);
        if (!found) return std::unexpected(std::move(found.error()));
        site = std::move(*found);
    }
    const auto known = knowledge_of(*server);
    if (!known) return std::unexpected(known.error());
    if (job.json) {
        std::vector<std::string> objects;
        for (const auto& each : known->facts) objects.push_back(fact_json(each));
        fmt::print(R"({{"ok":true,"exit_code":0,{},"key":{},"learned":[{}]}})"
                   "\n",
                   site_json(site), known->key ? json_string(known->key->key) : "null", fmt::join(objects, ","));
        return {};
    }
    if (!site.name.empty()) fmt::print("Name: {}\n", site.name);
    fmt::print("URL: {}\n", escape(site.url, 2000));
    if (!site.name.empty()) fmt::print("Settings:{}\n", site.settings.empty() ? " none" : settings_text(site.settings));
    print_knowledge(*known);
    return {};
}

result<void> check_new_site(const sites_job& job, const result<client::url>& location) {
    if (!is_site_name(job.name))
        return wrong(fmt::format("'{}' cannot be a name; use letters, digits, '-', '_' and '.'", escape(job.name, 100)));
    if (!location) return wrong(location.error().text());
    if (location->password) return wrong("passwords are not stored; remove it from the URL, and write it into ~/.netrc");
    if (location->ascii) return wrong("';type=a' is for files; remove it, and write it where the name is used");
    const auto proxy = client::proxy_server::parse(job.settings.network.proxy);
    if (proxy && !proxy->password.empty())
        return wrong("passwords are not stored; remove it from --proxy, and write the proxy into client.toml or ALL_PROXY");
    return job.settings.check();
}

/// Files are named as seen from the directory in which the site was added.
void make_absolute(option_values& settings, const std::string& key) {
    const auto found = settings.find(key);
    if (found == settings.end()) return;
    for (auto& each : found->second) each = std::filesystem::absolute(each).string();
}

result<void> add_site(const sites_job& job) {
    const auto location = client::url::parse(job.url);
    if (auto good = check_new_site(job, location); !good) return good;
    CLI::App known;
    client_options unused;
    command_table table;
    unused.add_settings_to(table);
    set_table(known, std::move(table));
    auto settings = known_to(known, job.settings.sources.given);
    for (const auto* const file : {"ca", "cert", "key"}) make_absolute(settings, file);
    auto database = open_sites(site_access::change);
    if (!database) return std::unexpected(std::move(database.error()));
    const auto old = database->find(job.name);
    if (!old) return std::unexpected(old.error());
    if (*old && !job.replace)
        return wrong(fmt::format("there is a site '{}' already; add --replace, or use another name", job.name));
    if (auto done = database->put({job.name, location->text(), std::move(settings)}); !done) return done;
    return database->commit();
}

result<void> delete_sites(const sites_job& job) {
    auto database = open_sites(site_access::change);
    if (!database) return std::unexpected(std::move(database.error()));
    for (const auto& name : job.names) {
        const auto removed = database->remove(name);
        if (!removed) return std::unexpected(removed.error());
        if (!*removed)
            return wrong(fmt::format("there is no site '{}', so nothing was deleted; 'sallyport sites list' shows the sites",
                                     escape(name, 100)));
    }
    return database->commit();
}

result<void> forget_servers(const sites_job& job) {
    if (job.names.empty() != job.all) return wrong("name the sites or URLs to forget, or add --all to forget everything");
    std::vector<client::url> servers;
    for (const auto& each : job.names) {
        auto server = server_of(each);
        if (!server) return std::unexpected(std::move(server.error()));
        servers.push_back(std::move(*server));
    }
    auto database = open_sites(site_access::change);
    if (!database) return std::unexpected(std::move(database.error()));
    if (job.all)
        if (auto done = database->forget_all(); !done) return done;
    for (const auto& each : servers)
        if (auto done = database->forget(to_lower(each.host), each.port); !done) return done;
    return database->commit();
}

// ---- The command line

using sites_job_ptr = std::shared_ptr<sites_job>;

struct sites_subcommands {
    CLI::App& parent;
    int& exit_code;

    void add(const std::string& name, const char* help, const sites_job_ptr& job, command_table table,
             result<void> (*run)(const sites_job&)) const {
        CLI::App* const command = parent.add_subcommand(name, help);
        if (!table.notes.empty()) table.notes += "\n\n";
        table.notes += exit_codes_help;
        set_table(*command, std::move(table));
        command->callback([name, job, run, command, &code = exit_code] {
            job->settings.sources.given = values_of(*command);
            const auto done = run(*job);
            if (done) return;
            fmt::print(stderr, "sallyport sites {}: {}\n", name, line_of(done.error()));
            const auto kind = done.error().code;
            code = kind == errc::usage ? wrong_arguments : database_failed;
        });
    }
};

void add_names_and_settings(const sites_subcommands& to) {
    auto job = std::make_shared<sites_job>();
    command_table table;
    table.add("Arguments", {{"NAME", "", required(text(job->name)), "Letters, digits, '-', '_' and '.'"},
                            {"URL", "", required(text(job->url)), "Server, user and directory, without a password"}});
    table.add("Names", {{"--replace", "", flag(job->replace), "Replace the site that has this name"}});
    job->settings.add_settings_to(table);
    table.notes =
        "The other options become settings of the site; on the command line, they take precedence. Passwords are not "
        "stored: "
        "~/.netrc is their place.\n\n"
        "Example:\n  sallyport sites add partner ftpes://joe@ftp.example.org/out --passive\n"
        "  sallyport get partner:report.csv";
    to.add("add", "Give a URL a name, with settings", job, std::move(table), add_site);

    job = std::make_shared<sites_job>();
    table = {};
    table.add("Arguments", {{"NAME", "", required(texts(job->names)), "Names of the sites"}});
    table.notes = "What was learned about the servers stays; 'sallyport sites forget' removes it.";
    to.add("delete", "Delete names", job, std::move(table), delete_sites);
}

}  // namespace

void add_sites_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("sites", "Manage names of servers, and what is known about them");
    command->require_subcommand(1);
    set_table(*command, {});
    const sites_subcommands to{*command, exit_code};
    auto job = std::make_shared<sites_job>();
    command_table table;
    table.add("Output", {{"--json", "", flag(job->json), "Print the result as JSON"}});
    to.add("list", "List the names with their URLs and settings", job, std::move(table), list_sites);

    job = std::make_shared<sites_job>();
    table = {};
    table.add("Arguments", {{"SITE", "", required(text(job->name)), "Name of a site, or a URL"}});
    table.add("Output", {{"--json", "", flag(job->json), "Print the result as JSON"}});
    to.add("show", "Show the settings of a site, and what is known about its server", job, std::move(table), show_site);
    add_names_and_settings(to);

    job = std::make_shared<sites_job>();
    table = {};
    table.add("Arguments", {{"SITE", "", texts(job->names), "Names of sites, or URLs", "none"}});
    table.add("Names", {{"--all", "", flag(job->all), "Forget what is known about all servers"}});
    table.notes = "This removes what was learned about them, and their keys (--trust). Names and settings stay.";
    to.add("forget", "Forget what is known about servers", job, std::move(table), forget_servers);
}

}  // namespace sallyport::cli
