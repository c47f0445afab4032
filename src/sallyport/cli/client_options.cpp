#include <sallyport/cli/client_options.hpp>

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/ports.hpp>
#include <sallyport/cli/client_config.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/option_layers.hpp>
#include <sallyport/cli/option_text.hpp>
#include <sallyport/cli/password_command.hpp>
#include <sallyport/cli/prompt_password.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/router_listener.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>

namespace sallyport::cli {

namespace {

using client::data_method;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

result<std::vector<data_method>> parse_methods(std::string_view list) {
    std::vector<data_method> out;
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        const auto word = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        const auto known = proto::method_named(word);
        if (!known)
            return fail(errc::usage, fmt::format("--data-methods {}: unknown method; use epsv, pasv, eprt or port", word));
        out.push_back(*known);
    }
    return out;
}

void print_line(std::string_view line) { fmt::print(stderr, "{}\n", escape(line)); }

}  // namespace

void client_options::add_to(command_table& table) {
    table.add("Login and TLS", {{"-u,--user", "NAME[:PASSWORD]", text(user), "User name and password",
                                 "URL, $SALLYPORT_PASSWORD, ~/.netrc, else anonymous"}});
    add_connection_to(table);
    table.add("Configuration", {{"--no-config", "", flag(sources.no_config), "Do not read the file of default options"}});
    table.add("Output",
              {{"-v,--verbose", "", flag(verbose), "Print commands and replies to standard error, without passwords"},
               {"-q,--quiet", "", flag(quiet), "Print no progress bar and no warnings"},
               {"--json", "", flag(json), "Print the result as JSON"}});
    table.notes = option_types_help() + "\n\n" + exit_code_help();
}

void client_options::add_settings_to(command_table& table) {
    add_connection_to(table);
    add_mapping_to(table);
    add_transfers_to(table, true);
    add_learning_to(table);
}

void client_options::add_connection_to(command_table& table) {
    constexpr std::chrono::milliseconds min(100);
    constexpr time_bounds a_day{.min = min, .max = std::chrono::hours(24)};
    table.add(
        "Login and TLS",
        {{"--password-command", "COMMAND", text(password_command), "Program that prints the password as its first line",
          "none"},
         {"--ca", "FILE", text(security.ca_file), "CA certificates (PEM) for verifying the server", "system CAs"},
         {"--insecure", "", flag(security.insecure), "Do not verify the server's certificate"},
         {"--trust", "ask|first-use|pin|ca",
          choice(security.trust, "way to trust",
                 choices<trust_mode>{{"ask", trust_mode::ask},
                                     {"first-use", trust_mode::first_use},
                                     {"pin", trust_mode::pin},
                                     {"ca", trust_mode::ca}}),
          "Trust CA certificates, or kept keys only (ask, first-use: keep new ones)"},
         {"--pin", "KEY", texts(security.pins), "Trust this key of a server, sha256//BASE64, and no other", "none"},
         {"--tls-min", "1.2|1.3", choice(security.tls13_only, "version", choices<bool>{{"1.2", false}, {"1.3", true}}),
          "Oldest version of TLS to accept"},
         {"--cert", "FILE", text(security.certificate), "Client certificate (PEM) for servers that request one", "none"},
         {"--key", "FILE", text(security.key), "Private key of --cert (PEM)", "in the file of --cert"},
         {"--no-data-tls", "", flag(security.no_data_tls), "Do not encrypt data connections (PROT C)"}});
    table.add(
        "Client data connections",
        {{"--passive", "", flag(passive), "Use passive mode only"},
         {"--active", "", flag(active), "Use active mode only"},
         {"--data-methods", "LIST", text(methods), "Data methods to try, in this order", "epsv,pasv,eprt,port"},
         {"--passive-address", "control|follow|repair",
          choice(passive_address, "value",
                 choices<client::passive_address>{{"control", client::passive_address::control},
                                                  {"follow", client::passive_address::follow},
                                                  {"repair", client::passive_address::repair}}),
          "Address after PASV: the control host's, the advertised, or it unless private"},
         {"--active-ports", "A-B", ports(active_ports), "Local port range for active mode (from 1024)", "any free port"},
         {"--active-address", "ADDR", text(active_address), "Address to send in PORT and EPRT, if NAT changes it",
          "local address"}});
    table.add("Client control connections", {{"-4,--ipv4", "", flag(network.ipv4), "Use only IPv4 addresses of the host"},
                                             {"-6,--ipv6", "", flag(network.ipv6), "Use only IPv6 addresses of the host"}});
    table.add("Client timeouts", {{"--connect-timeout", "SECONDS", time(connect, {.min = min, .max = std::chrono::hours(1)}),
                                   "Time limit for connecting to each address of the host"},
                                  {"--timeout", "SECONDS", time(timeout, a_day), "Give up after this long without progress",
                                   "60 for greeting and data, 30 for other replies"},
                                  {"--stall-timeout", "SECONDS", time(transfers.stall, a_day),
                                   "Abort transfers without progress for this long", "--timeout, or 60"},
                                  {"--stall-rate", "BYTES", size(transfers.stall_rate, "any"),
                                   "Average bytes per second over --stall-timeout that count as progress"}});
}

void client_options::add_mapping_to(command_table& table) {
    table.add("Client data connections",
              router.rows("In active mode, ask the router to forward ports by pcp, natpmp, upnp or LIST"));
}

void client_options::add_transfers_to(command_table& table, bool several) {
    table.add("Client data connections",
              {{"--limit-rate", "BYTES", size(transfers.max_rate), "Maximum bytes per second of all files together"}});
    if (!several) return;
    table.add("Many files",
              {{"--parallel", "N", count(transfers.parallel, {.min = 1, .max = transfer_settings::max_connections}),
                "Connections for several files; fewer if the server has no room", "3"}});
    table.add("Client data connections", {{"--no-pipelining", "", flag(transfers.no_pipelining),
                                           "Negotiate each data connection after the transfer before it"}});
    using client::verify_by;
    table.add("Files", {{"--verify", "auto|size|hash|none",
                         choice(transfers.verify, "way to verify",
                                choices<verify_by>{{"auto", verify_by::automatic},
                                                   {"size", verify_by::size},
                                                   {"hash", verify_by::hash},
                                                   {"none", verify_by::none}}),
                         "Compare copies with the server's files (auto: size, parts by hash)"}});
}

void client_options::add_learning_to(command_table& table) {
    table.add("Client control connections",
              {{"--proxy", "URL", text(network.proxy),
                "SOCKS5 or HTTP proxy: socks5://HOST:PORT or http://USER:PASSWORD@HOST:PORT", "$ALL_PROXY, else none"},
               {"--no-proxy", "HOSTS", text(network.no_proxy),
                "Hosts, domains and networks to reach without proxy; '*' for all", "$NO_PROXY"}});
    table.add("Client data connections",
              {{"--no-learn", "", flag(no_learn), "Neither use nor store what was learned about the server"}});
}

result<void> client_options::load(CLI::App& command) {
    sources.given = values_of(command);
    if (sources.no_config) return {};
    auto defaults = read_client_config(client_config_file());
    if (!defaults) return std::unexpected(std::move(defaults.error()));
    sources.defaults = std::move(*defaults);
    apply_values(command, known_to(command, without_overridden(sources.defaults, sources.given)));
    return {};
}

/// All options with these values, without their sources. Throws the errors of CLI11.
client_options client_options::of_values(const option_values& values, const std::string& name) {
    client_options out;
    command_table table;
    out.add_to(table);
    out.add_mapping_to(table);
    out.add_transfers_to(table, true);
    out.add_learning_to(table);
    CLI::App command("", name);
    set_table(command, std::move(table));
    apply_values(command, known_to(command, values));
    return out;
}

result<option_values> client_options::values_for(const client::url& location) const {
    option_values out;
    if (!location.site.empty()) {
        auto site = find_site(location.site);
        if (!site) return std::unexpected(std::move(site.error()));
        out = without_overridden(std::move(site->settings), sources.given);
    }
    out.insert(sources.given.begin(), sources.given.end());
    out.merge(without_overridden(sources.defaults, out));
    return out;
}

result<client_options> client_options::for_site(const client::url& location) const {
    if (location.site.empty()) return *this;
    const auto values = values_for(location);
    if (!values) return std::unexpected(values.error());
    try {
        auto out = of_values(*values, location.site);
        out.sources = sources;
        return out;
    } catch (const CLI::Error& e) {
        return fail(errc::usage, fmt::format("site '{}': {}; change it with 'sallyport sites add --replace'", location.site,
                                             escape(e.what(), 300)));
    }
}

result<client_options> client_options::with(option_values given) const {
    auto values = given;
    values.merge(without_overridden(sources.defaults, given));
    try {
        auto out = of_values(values, "set");
        if (const auto good = out.check(); !good) return std::unexpected(good.error());
        out.sources = sources;
        out.sources.given = std::move(given);
        return out;
    } catch (const CLI::Error& e) {
        return fail(errc::usage, escape(e.what(), 300));
    }
}

result<void> client_options::check() const {
    if (auto good = network.check(); !good) return good;
    if (const auto chosen = chosen_methods(); !chosen) return std::unexpected(chosen.error());
    return security.check();
}

result<void> network_settings::check() const {
    if (ipv4 && ipv6) return fail(errc::usage, "-4 and -6 exclude each other; without them, both are tried");
    if (proxy.empty()) return {};
    if (auto parsed = client::proxy_server::parse(proxy); !parsed)
        return std::unexpected(with_option("--proxy", std::move(parsed.error())));
    return {};
}

result<void> security_settings::check() const {
    for (const auto& each : pins)
        if (auto good = check_pin(each); !good) return good;
    if (insecure && checks_keys())
        return fail(errc::usage, "--insecure excludes --trust and --pin, since it accepts every key; remove it");
    if (certificate.empty() && !key.empty())
        return fail(errc::usage, "--key is the key of a client certificate; name its file with --cert");
    return {};
}

net::tls_client_options security_settings::tls() const {
    net::tls_client_options out{.verify = !insecure && !checks_keys(), .ca_file = ca_file};
    out.tls13_only = tls13_only;
    if (!certificate.empty()) out.client_certificate = net::tls_files{certificate, key};
    return out;
}

int run_client(CLI::App& command, client_options& options, const std::function<int()>& run) {
    const auto loaded = options.load(command);
    if (loaded) return run();
    const auto name = full_name(command);
    return report_error(name.substr(name.find(' ') + 1), loaded.error(), exit_status::usage);
}

void set_client_callback(CLI::App& command, client_options& options, int& exit_code, std::function<int()> run) {
    command.callback(
        [&command, &options, &exit_code, run = std::move(run)] { exit_code = run_client(command, options, run); });
}

result<client::options> client_options::session(const client::url& location) const {
    client::options out;
    if (auto good = check(); !good) return std::unexpected(std::move(good.error()));
    auto chosen = chosen_methods();
    if (!chosen) return std::unexpected(chosen.error());
    out.methods = std::move(*chosen);
    out.address_rule = passive_address;
    if (network.ipv4 || network.ipv6) out.version = network.ipv4 ? client::ip_version::ipv4 : client::ip_version::ipv6;
    auto proxy = network.proxy_for(location.host);
    if (!proxy) return std::unexpected(std::move(proxy.error()));
    out.proxy = std::move(*proxy);
    if (out.proxy && std::ranges::all_of(out.methods, proto::is_active))
        return fail(errc::usage, fmt::format("active mode is not possible through the proxy {}; remove --active or "
                                             "--data-methods, or connect without proxy: --no-proxy '*'",
                                             out.proxy->text()));
    if (active_ports) {
        if (active_ports->first < first_unprivileged_port)
            return fail(errc::usage,
                        fmt::format("--active-ports {}: servers refuse to connect to ports below {}; use a range such as "
                                    "30000-30099",
                                    active_ports->text(), first_unprivileged_port));
        out.active_ports = *active_ports;
    }
    if (!active_address.empty()) {
        out.active_address = ip_address::parse(active_address);
        if (!out.active_address)
            return fail(errc::usage,
                        "--active-address " + active_address + ": not an IP address; use one such as 203.0.113.7");
    }
    if (location.tls != client::tls_mode::none) {
        auto context = net::tls_client_context::make(security.tls());
        if (!context) return std::unexpected(context.error());
        out.tls = std::move(*context);
        if (security.checks_keys())
            out.check_key = [keys = std::make_shared<key_trust>(location, security.trust, security.pins, quiet)](
                                const std::string& key) { return keys->refusal_of(key); };
    }
    out.protect_data = !security.no_data_tls;
    out.connect = connect;
    if (timeout) {
        out.stall = out.reply = out.greeting = *timeout;
        out.data_open = std::min(out.data_open, out.stall);
    }
    if (transfers.stall) out.stall = *transfers.stall;
    out.stall_rate = transfers.stall_rate;
    if (transfers.max_rate > 0) {
        out.rate = std::make_shared<client::rate_limiter>(transfers.max_rate);
        // A slow transfer is what the user wants.
        out.stall_rate = std::min(out.stall_rate, transfers.max_rate / 2);
    }
    auto chosen_login = login(location);
    if (!chosen_login) return std::unexpected(chosen_login.error());
    out.login = std::move(*chosen_login);
    out.verify = transfers.verify;
    if (verbose) out.transcript = print_line;
    return out;
}

result<reach::mapping_settings> client_options::mapping() const {
    if (!router.map.empty()) {
        const auto chosen = chosen_methods();
        if (!chosen) return std::unexpected(chosen.error());
        if (std::ranges::none_of(*chosen, proto::is_active))
            return fail(errc::usage, "--map is for active mode; add --active, or remove it");
    }
    return router.settings(!router.map.empty(), client::listener_mapping_lease);
}

result<std::vector<client::data_method>> client_options::chosen_methods() const {
    if (active && passive) return fail(errc::usage, "--active and --passive exclude each other; remove one of them");
    if (active && !methods.empty())
        return fail(errc::usage, "--active and --data-methods exclude each other; remove one of them");
    if (active) return std::vector{data_method::eprt, data_method::port};
    auto chosen = methods.empty() ? result<std::vector<data_method>>(client::options{}.methods) : parse_methods(methods);
    if (chosen && passive) std::erase_if(*chosen, proto::is_active);
    if (chosen && chosen->empty())
        return fail(errc::usage, "--data-methods and --passive exclude each other; name epsv or pasv, or remove --passive");
    return chosen;
}

result<client::credentials> client_options::login(const client::url& location) const {
    const auto colon = user.find(':');
    std::optional<std::string> name = location.user;
    if (!user.empty()) name = user.substr(0, colon);
    std::optional<std::string> password;
    if (!user.empty() && colon != user.npos)
        password = user.substr(colon + 1);
    else if (location.password)
        password = location.password;

    client::credentials out;
    const auto is_missing = [&] { return !password && name && !proto::is_anonymous_name(*name); };
    if (is_missing()) {
        auto found = secret();
        if (!found) return std::unexpected(std::move(found.error()));
        password = std::move(*found);
    }
    if (!password) {
        if (const auto known = from_netrc(location.host, name)) {
            name = known->user;
            out.account = known->account;
            password = known->password;
        }
    }
    if (name) out.user = *name;
    if (is_missing()) {
        auto found = secret();
        if (!found) return std::unexpected(std::move(found.error()));
        password = std::move(*found);
    }
    if (is_missing()) {
        auto asked = prompt_password(fmt::format("Password for {} at {}: ", escape(*name), escape(location.host)));
        if (!asked)
            return fail(errc::login_refused, fmt::format("no password for {}; pass it in the URL, with --user "
                                                         "NAME:PASSWORD or --password-command, in SALLYPORT_PASSWORD or "
                                                         "in ~/.netrc",
                                                         *name));
        password = std::move(*asked);
    }
    if (password) out.password = std::move(*password);
    return out;
}

result<std::optional<client::proxy_server>> network_settings::proxy_for(const std::string& host) const {
    const auto variable = [](const char* lower, const char* upper) {
        auto found = environment(lower);
        return found.empty() ? environment(upper) : found;
    };
    const auto text = proxy.empty() ? variable("all_proxy", "ALL_PROXY") : proxy;
    const auto exceptions = no_proxy.empty() ? variable("no_proxy", "NO_PROXY") : no_proxy;
    if (text.empty() || client::is_excepted(exceptions, host)) return std::nullopt;
    auto parsed = client::proxy_server::parse(text);
    if (!parsed) return std::unexpected(with_option(proxy.empty() ? "ALL_PROXY" : "--proxy", std::move(parsed.error())));
    return std::optional(std::move(*parsed));
}

result<std::optional<std::string>> client_options::secret() const {
    if (password_command.empty()) {
        auto found = environment("SALLYPORT_PASSWORD");
        return found.empty() ? std::nullopt : std::optional(std::move(found));
    }
    auto printed = password_from(password_command);
    if (!printed) return std::unexpected(with_option("--password-command", std::move(printed.error())));
    return std::optional(std::move(*printed));
}

/// An unusable file is only a warning: a password may come from elsewhere, and anonymous logins need none.
std::optional<client::netrc_login> client_options::from_netrc(const std::string& host,
                                                              const std::optional<std::string>& name) const {
    const std::string home = environment("HOME");
    if (home.empty()) return std::nullopt;
    const auto text = client::read_netrc(home + "/.netrc");
    if (text) return client::find_login(*text, host, name);
    if (!quiet) fmt::print(stderr, "sallyport: warning: ignoring {}\n", escape(text.error().text()));
    return std::nullopt;
}

}  // namespace sallyport::cli
