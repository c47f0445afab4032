#include <sallyport/cli/daemon_options.hpp>

#include <algorithm>
#include <cstdint>
#include <set>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_types.hpp>
#include <sallyport/net/certificate_file.hpp>

namespace sallyport::cli {
namespace {

result<std::vector<endpoint>> parse_endpoints(const std::vector<std::string>& texts, std::string_view option) {
    std::vector<endpoint> out;
    for (const auto& text : texts) {
        const auto parsed = endpoint::parse(text);
        if (!parsed) {
            return fail(errc::usage,
                        fmt::format("{} {}: invalid address; use ADDRESS:PORT, for example 0.0.0.0:2121 or [::]:2121",
                                    option, text));
        }
        // Port 0 may be repeated, since each listener gets another port.
        if (parsed->port != 0 && std::ranges::find(out, *parsed) != out.end())
            return fail(errc::usage, fmt::format("{} {}: given twice; remove one of them", option, text));
        out.push_back(*parsed);
    }
    return out;
}

}  // namespace

void daemon_options::add_listening_to(command_table& table, std::string_view command) {
    const bool up = command == "up";
    const bool serve = command == "serve";
    table.add("Listening and TLS",
              {{"--listen", "ADDR:PORT", texts(listen), "Listen here for FTP with optional explicit TLS",
                command == "gate" ? "[::]:2121, without other listeners" : "[::]:2121, none with --listen-tls alone"},
               {"--listen-tls", "ADDR:PORT", texts(listen_tls), "Listen here for FTP with implicit TLS (usually port 990)"},
               {"--tls-cert", "FILE", texts(tls_certificates),
                "Certificate chain (PEM); several are selected by server name (SNI)", up ? "self-signed, kept" : "none"},
               {"--tls-key", "FILE", texts(tls_keys), "Private key (PEM) for each certificate, in the same order",
                "from the certificate file"},
               {"--tls-required", "", flag(tls_required),
                serve ? "Require TLS on both connections for all users except anonymous"
                      : "Require TLS for every login and every data connection"},
               {"--tls-reuse", "MODE",
                choice(tls_reuse, "mode",
                       choices<net::tls_reuse>{{"require", net::tls_reuse::require},
                                               {"prefer", net::tls_reuse::prefer},
                                               {"off", net::tls_reuse::off}}),
                "TLS session reuse on data connections: require, prefer or off"},
               {"--client-ca", "FILE", text(client_ca), "Request client certificates and verify them against these CAs"},
               {"--client-cert", "MODE",
                choice(client_certificate_required, "mode", choices<bool>{{"optional", false}, {"require", true}}),
                "Client certificate with --client-ca: optional or require"}});
}

void daemon_options::add_to(command_table& table, std::string_view command) {
    add_listening_to(table, command);
    data_connections.add_to(table, command == "up" ? "30000-30099" : "any free port");
    data_connections.add_mapping_to(table);
    // Limits of the kernel.
    constexpr time_bounds of_keepalive{.max = std::chrono::seconds(32767)};
    table.add(
        "Timeouts",
        {{"--idle-timeout", "SECONDS", time(idle, {.zero = true}),
          "Close sessions without commands or transfers for this long"},
         {"--login-timeout", "SECONDS", time(login), "Close sessions that have not logged in within this time"},
         {"--data-timeout", "SECONDS", time(data_connect), "Time limit for establishing a data connection"},
         {"--stall-timeout", "SECONDS", time(data_stall, {.zero = true}), "Abort transfers without progress for this long"},
         {"--stall-rate", "BYTES", size(stall_rate, "any"),
          "Average bytes per second over --stall-timeout that count as progress"},
         {"--stop-timeout", "SECONDS", time(stop_timeout, {.max = std::chrono::hours(24)}),
          "After SIGTERM, time for running transfers to finish; SIGINT interrupts them"},
         {"--keepalive-idle", "SECONDS", time(keepalive_idle, of_keepalive),
          "Idle time before the first TCP keepalive (control connections)"},
         {"--keepalive-interval", "SECONDS", time(keepalive_interval, of_keepalive), "Time between TCP keepalive probes"},
         {"--keepalive-count", "N", count(keepalive_count, {.max = 127, .off = true}),
          "Unanswered probes before the connection is closed; off disables keepalive"}});
    add_limits_to(table);
    table.add("Logging and operation", {{"--log", "FILE|journal|syslog", text(log_target),
                                         "Write the log to FILE ('-': standard error) or to a daemon", "- (standard error)"},
                                        {"--log-format", "FORMAT",
                                         choice(log_format, "format",
                                                choices<log::line_format>{{"text", log::line_format::text},
                                                                          {"json", log::line_format::json},
                                                                          {"logfmt", log::line_format::logfmt}}),
                                         "Format of the log in a file and on standard error: text, json or logfmt"},
                                        {"--log-level", "LEVEL",
                                         choice(log_level, "level",
                                                choices<log::level>{{"debug", log::level::debug},
                                                                    {"info", log::level::info},
                                                                    {"warning", log::level::warning},
                                                                    {"error", log::level::error},
                                                                    {"off", log::level::off}}),
                                         "Lowest level to log: debug, info, warning, error or off"}});
    table.add("Logging and operation",
              {{"--site-doctor", "MODE", choice(site_doctor, "mode", choices<bool>{{"on", true}, {"off", false}}),
                "SITE DOCTOR tells users what arrived of their data: on or off"}});
    logging_and_control.add_to(table);
    table.add(
        "Logging and operation",
        {{"--config", "FILE", not_in_file(text(config)), "Read options from a TOML file; keys are option names without --"},
         {"--threads", "N", count(threads, {.max = 1024}), "Number of event-loop threads", "one per CPU core"}});
    confinement.add_to(table);
}

void daemon_options::add_limits_to(command_table& table) {
    table.add(
        "Limits",
        {{"--max-sessions", "N", count(max_sessions, {.zero = true}), "Maximum number of sessions; further clients get 421"},
         {"--max-sessions-before-login", "N", count(max_sessions_before_login),
          "Maximum number of sessions that have not logged in",
          fmt::format("a tenth of --max-sessions, at least {}", limits::min_login_pool)},
         {"--max-sessions-per-address", "N", count(max_sessions_per_address, {.zero = true}),
          "Maximum number of sessions per client address (IPv6: per /64)", "half of --max-sessions"},
         {"--max-session-rate", "N", rate(max_session_rate), "Maximum new sessions per second; bursts of N are allowed"},
         {"--max-session-rate-per-address", "N", rate(max_session_rate_per_address),
          "The same limit per client address; fractions are allowed (0.1)"},
         {"--no-login-penalties", "", flag(no_login_penalties), "Do not block addresses temporarily after failed logins"},
         {"--max-account-guesses", "N", count(max_account_guesses, {.max = 100'000, .zero = true}),
          "Wrong passwords per minute and account, from addresses without recent login"}});
}

frontend::admission_rules daemon_options::admission() const noexcept {
    return {.max_sessions = max_sessions == 0 ? SIZE_MAX : max_sessions,
            .max_sessions_before_login = max_sessions_before_login.value_or(0),
            .max_sessions_per_address = max_sessions_per_address,
            .max_session_rate = max_session_rate,
            .max_session_rate_per_address = max_session_rate_per_address,
            .login_penalties = !no_login_penalties,
            .max_account_guesses = max_account_guesses};
}

result<std::vector<endpoint>> daemon_options::endpoints() const {
    // With --listen-tls or --intercept alone, there is no listener for explicit TLS unless --listen is set.
    if (listen.empty() && listen_tls.empty() && intercept.empty()) return std::vector{*endpoint::parse("[::]:2121")};
    return parse_endpoints(listen, "--listen");
}

result<std::vector<endpoint>> daemon_options::implicit_endpoints() const {
    if (!listen_tls.empty() && tls_certificates.empty() && !tls_passthrough) {
        return fail(errc::usage, "--listen-tls requires a certificate; add --tls-cert FILE");
    }
    auto out = parse_endpoints(listen_tls, "--listen-tls");
    if (!out) return out;
    const auto plain = parse_endpoints(listen, "--listen");
    for (const auto& e : *out) {
        if (plain && e.port != 0 && std::ranges::find(*plain, e) != plain->end())
            return fail(errc::usage,
                        fmt::format("--listen-tls {}: --listen has the same address and port; use another port", e.text()));
    }
    return out;
}

std::vector<endpoint> daemon_options::listeners() const {
    auto out = endpoints().value_or(std::vector<endpoint>());
    const auto implicit = parse_endpoints(listen_tls, "--listen-tls").value_or(std::vector<endpoint>());
    out.insert(out.end(), implicit.begin(), implicit.end());
    return out;
}

result<std::optional<net::tls_server_context>> daemon_options::tls() const {
    if (tls_certificates.empty()) {
        if (tls_required && !tls_passthrough)
            return fail(errc::usage, "--tls-required requires a certificate; add --tls-cert FILE");
        if (!client_ca.empty()) return fail(errc::usage, "--client-ca requires a server certificate; add --tls-cert FILE");
        if (!tls_keys.empty()) return fail(errc::usage, "--tls-key requires a certificate; add --tls-cert FILE");
        if (client_certificate_required)
            return fail(errc::usage, "--client-cert require needs a server certificate; add --tls-cert FILE");
        if (tls_reuse == net::tls_reuse::require)
            return fail(errc::usage, "--tls-reuse require needs a certificate; add --tls-cert FILE");
        return std::nullopt;
    }
    if (!tls_keys.empty() && tls_keys.size() != tls_certificates.size())
        return fail(errc::usage,
                    fmt::format("{} certificates but {} keys; pass one --tls-key per --tls-cert, in the same order",
                                tls_certificates.size(), tls_keys.size()));
    if (std::set<std::string> once;
        !std::ranges::all_of(tls_certificates, [&](const auto& c) { return once.insert(c).second; }))
        return fail(errc::usage, "--tls-cert: the same file is given twice; remove one of them");
    std::vector<net::tls_files> files;
    for (std::size_t i = 0; i < tls_certificates.size(); ++i)
        files.push_back({tls_certificates[i], tls_keys.empty() ? "" : tls_keys[i]});
    auto context = net::tls_server_context::from_files(std::move(files));
    if (!context) return std::unexpected(with_option("--tls-cert", context.error()));
    if (client_ca.empty() && client_certificate_required)
        return fail(errc::usage, "--client-cert require needs the CA certificates; add --client-ca FILE");
    if (!client_ca.empty()) {
        if (auto asked = context->request_client_certificates(client_ca, client_certificate_required); !asked)
            return std::unexpected(with_option("--client-ca", asked.error()));
    }
    return std::optional(std::move(*context));
}

report_input daemon_options::subject(const config_locations& locations) const {
    report_input out{.tls_required = tls_required, .max_sessions = max_sessions};
    // These options have been checked already: settings were made from them.
    out.listen = endpoints().value_or(std::vector<endpoint>());
    out.listen_tls = implicit_endpoints().value_or(std::vector<endpoint>());
    out.data_connections = data_connections.settings().value_or(reach::passive_settings());
    for (std::size_t i = 0; i < tls_certificates.size(); ++i) {
        if (auto facts = net::read_certificate(tls_certificates[i]))
            out.certificates.push_back({tls_certificates[i], std::move(facts->names), facts->not_after});
        else
            out.unreadable.push_back(tls_certificates[i]);
        const auto& key = tls_keys.empty() ? tls_certificates[i] : tls_keys[i];
        if (is_world_readable(key)) out.exposed.push_back({key, "Private key"});
    }
    if (const auto file = logging_and_control.page_file(); !file.empty() && is_world_readable(file))
        out.exposed.push_back({file, "Password file"});
    for (const char* secret : {"user", "reader", "health-check-user", "writer"}) {
        if (!locations.has(secret) || !is_world_readable(config)) continue;
        out.exposed.push_back({config, "Configuration file with passwords"});
        break;
    }
    return out;
}

std::vector<helper::permitted_file> daemon_options::files() const {
    std::vector<helper::permitted_file> out;
    const auto add = [&out](const std::string& path, bool append = false) {
        if (!path.empty()) out.push_back({path, append});
    };
    for (const auto* list : {&tls_certificates, &tls_keys})
        for (const auto& path : *list) add(path);
    add(client_ca);
    add(config);
    if (log::is_file(log_target)) add(log_target, true);
    add(logging_and_control.transfer_log, true);
    add(logging_and_control.page_file());
    return out;
}

net::keepalive daemon_options::keepalive() const { return {keepalive_idle, keepalive_interval, keepalive_count}; }

}  // namespace sallyport::cli
