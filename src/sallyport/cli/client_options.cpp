#include <sallyport/cli/client_options.hpp>

#include <cstdlib>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/ask_password.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/option_types.hpp>

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
        bool known = false;
        for (const auto m : {data_method::epsv, data_method::pasv, data_method::eprt, data_method::port})
            if (iequals(word, name(m))) {
                out.push_back(m);
                known = true;
            }
        if (!known) return fail(errc::usage, fmt::format("--method {}: not one of epsv, pasv, eprt, port", word));
    }
    return out;
}

bool is_anonymous(std::string_view user) { return iequals(user, "anonymous") || iequals(user, "ftp"); }

std::optional<std::string> secret_from_environment() {
    auto secret = environment("SALLYPORT_PASSWORD");
    return secret.empty() ? std::nullopt : std::optional(std::move(secret));
}

void print_line(std::string_view line) { fmt::print(stderr, "{}\n", escape(line)); }

}  // namespace

void client_options::add_to(CLI::App& command) {
    command.add_flag("-v,--verbose", verbose, "Show the conversation on standard error, passwords masked");
    command.add_flag("-q,--quiet", quiet, "No progress bar, no warnings");
    command.add_flag("--json", json, "Print the result as JSON");
    command.add_option("-u,--user", user, "NAME or NAME:PASSWORD; also from the URL, SALLYPORT_PASSWORD and ~/.netrc");
    command.add_option("--ca", ca_file, "Trust the authorities in this PEM file instead of the system's");
    command.add_flag("--insecure", insecure, "Accept any certificate");
    command.add_flag("--no-protect-data", clear_data, "With TLS: leave data connections in clear (PROT C)");
    auto* wants_active = command.add_flag("--active", active, "Active mode only: the server connects to us");
    command.add_flag("--passive", passive, "Passive mode only: we connect to the server")->excludes(wants_active);
    command.add_option("--method", methods, "Ways to a data connection, in order (default epsv,pasv,eprt,port)")
        ->excludes(wants_active);
    command
        .add_option("--passive-address", passive_address,
                    "Where to connect after PASV: 'control', the host of the control connection, or 'follow', the address "
                    "in the reply")
        ->capture_default_str();
    add_ports(command, "--active-ports", active_ports, "Ports to wait at in active mode");
    command.add_option("--active-address", active_address, "Address to announce in active mode, where NAT makes it differ");
    constexpr std::chrono::milliseconds least(100);
    constexpr time_bounds a_day{.least = least, .most = std::chrono::hours(24)};
    add_time(command, "--connect-timeout", connect, "For each address of the host",
             {.least = least, .most = std::chrono::hours(1)});
    add_time(command, "--timeout", timeout,
             "Without any progress before giving up (else 60s for the greeting and for data, 30s for other replies)", a_day);
    add_time(command, "--stall-timeout", stall, "Abort a transfer without progress for this long (else --timeout, or 60s)",
             a_day);
    add_size(command, "--stall-rate", stall_rate,
             "Bytes a second, on average over --stall-timeout, that count as progress; 0: any byte counts");
    command.footer(option_types_help() + "\n" + exit_code_help());
}

result<client::options> client_options::session(const client::url& where) const {
    client::options out;
    auto chosen = chosen_methods();
    if (!chosen) return std::unexpected(chosen.error());
    out.methods = std::move(*chosen);
    if (passive_address != "control" && passive_address != "follow")
        return fail(errc::usage, "--passive-address " + passive_address + ": say control or follow");
    if (passive_address == "follow") out.address_rule = client::passive_address::follow;
    if (active_ports) {
        if (active_ports->first < 1024)
            return fail(errc::usage, "--active-ports " + active_ports->text() +
                                         ": servers refuse to connect to ports below 1024; give a range such as "
                                         "30000-30099");
        out.active_ports = *active_ports;
    }
    if (!active_address.empty()) {
        out.active_address = ip_address::parse(active_address);
        if (!out.active_address) return fail(errc::usage, "--active-address " + active_address + ": not an IP address");
    }
    if (where.tls != client::tls_mode::none) {
        auto context = net::tls_client_context::make({.verify = !insecure, .ca_file = ca_file, .tls12_only = false});
        if (!context) return std::unexpected(context.error());
        out.tls = std::move(*context);
    }
    out.protect_data = !clear_data;
    out.connect = connect;
    if (timeout) {
        out.stall = out.reply = out.greeting = *timeout;
        out.data_open = std::min(out.data_open, out.stall);
    }
    if (stall) out.stall = *stall;
    out.stall_rate = stall_rate;
    auto who = login(where);
    if (!who) return std::unexpected(who.error());
    out.login = std::move(*who);
    if (verbose) out.transcript = print_line;
    return out;
}

result<std::vector<client::data_method>> client_options::chosen_methods() const {
    if (active) return std::vector{data_method::eprt, data_method::port};
    auto chosen = methods.empty() ? result<std::vector<data_method>>(client::options{}.methods) : parse_methods(methods);
    if (chosen && passive) std::erase_if(*chosen, proto::is_active);
    if (chosen && chosen->empty()) return fail(errc::usage, "--method and --passive leave no way to a data connection");
    return chosen;
}

result<client::credentials> client_options::login(const client::url& where) const {
    const auto colon = user.find(':');
    std::optional<std::string> name = where.user;
    if (!user.empty()) name = user.substr(0, colon);
    std::optional<std::string> password;
    if (!user.empty() && colon != user.npos)
        password = user.substr(colon + 1);
    else if (where.password)
        password = where.password;

    client::credentials out;
    if (!password && name && !is_anonymous(*name)) password = secret_from_environment();
    if (!password) {
        if (const auto known = from_netrc(where.host, name)) {
            name = known->user;
            out.account = known->account;
            password = known->password;
        }
    }
    if (name) out.user = *name;
    if (!password && name && !is_anonymous(*name)) password = secret_from_environment();
    if (!password && name && !is_anonymous(*name)) {
        auto asked = ask_password(fmt::format("Password for {} at {}: ", escape(*name), escape(where.host)));
        if (!asked)
            return fail(errc::login_refused,
                        fmt::format("no password for {}: give it in the URL, by --user NAME:PASSWORD, in "
                                    "SALLYPORT_PASSWORD or in ~/.netrc",
                                    *name));
        password = std::move(*asked);
    }
    if (password) out.password = std::move(*password);
    return out;
}

/// A file that can't be used is no reason to fail: there are other ways to give a password, and anonymous logins need none.
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
