#include <sallyport/cli/front_options.hpp>

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
                        fmt::format("{} {}: give ADDRESS:PORT, for example 0.0.0.0:2121 or [::]:2121", option, text));
        }
        // With port 0 each is another one.
        if (parsed->port != 0 && std::ranges::find(out, *parsed) != out.end())
            return fail(errc::usage, fmt::format("{} {}: it is given twice; leave one of them", option, text));
        out.push_back(*parsed);
    }
    return out;
}

}  // namespace

void front_options::add_to(CLI::App& command) {
    const auto several = CLI::MultiOptionPolicy::TakeAll;
    command.add_option("--listen", listen, "Control connections, plain and explicit TLS; repeatable (default [::]:2121)")
        ->type_name("ADDR:PORT")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command.add_option("--listen-tls", listen_tls, "Control connections with implicit TLS (usually port 990); repeatable")
        ->type_name("ADDR:PORT")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command
        .add_option(
            "--tls-cert", tls_certificates,
            "Certificate chain in PEM; without it there is no TLS. Repeatable: a client gets the one for the name it "
            "asks for, else the first. A changed file is read again within 10 s, or at SIGHUP")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command
        .add_option("--tls-key", tls_keys,
                    "Private key in PEM (default: in the certificate's file); one for each --tls-cert, in their order")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->multi_option_policy(several);
    command.add_flag("--tls-required", tls_required, "Named users must use TLS, on data connections too");
    command
        .add_option("--tls-reuse", tls_reuse,
                    "Whether data connections must resume the control connection's TLS session, which proves whose they "
                    "are: require (522 to those that don't; some clients can't), prefer, or off (sessions are not given "
                    "out)")
        ->type_name("RULE")
        ->capture_default_str();
    command
        .add_option("--client-ca", client_ca,
                    "Clients are asked for a certificate that one of these signs; another one ends the handshake")
        ->type_name("FILE");
    command.add_option("--client-cert", client_certificate, "With --client-ca: a client without one is let in, or not")
        ->type_name("optional|require")
        ->capture_default_str();
    inbound.add_to(command);
    add_time(command, "--idle-timeout", idle,
             "Idle sessions end after this; running transfers do not count as idle; 0: never", {.zero = true});
    add_time(command, "--login-timeout", login, "A session must have logged in by then");
    add_time(command, "--data-timeout", data_connect, "How long to wait for a data connection");
    add_time(command, "--stall-timeout", data_stall, "Abort transfers without progress for this long; 0: never",
             {.zero = true});
    add_size(command, "--stall-rate", stall_rate,
             "Bytes a second, on average over --stall-timeout, that count as progress; 0: any byte counts. Time in "
             "which a rate limit of this program delays a transfer does not count");
    add_time(command, "--stop-timeout", stop_timeout,
             "After SIGTERM, time for running transfers to finish; a second SIGTERM or SIGINT stops at once",
             {.most = std::chrono::hours(24)});
    constexpr time_bounds of_keepalive{.most = std::chrono::seconds(32767)};  // the kernel's
    add_time(command, "--keepalive-idle", keepalive_idle, "TCP keepalive on control connections: first probe after this",
             of_keepalive);
    add_time(command, "--keepalive-interval", keepalive_interval, "... then at this interval", of_keepalive);
    add_count(command, "--keepalive-count", keepalive_count, "... and dead after so many unanswered; off: no keepalive",
              {.most = 127, .off = true});
    add_count(command, "--max-sessions", max_sessions, "Maximum number of sessions; further clients get 421; 0: no limit",
              {.zero = true});
    add_count(command, "--max-sessions-per-address", max_sessions_per_address,
              "Maximum number of sessions per client address (IPv6: per /64); 0: no limit", {.zero = true});
    add_rate(command, "--session-rate", session_rate,
             "Maximum number of new sessions a second, with bursts of as many; further clients get 421");
    add_rate(command, "--session-rate-per-address", session_rate_per_address,
             "The same for each address; 0.1 is one in ten seconds");
    command.add_flag("--no-penalties", no_penalties,
                     "Let addresses go on guessing passwords; else several refused logins cost an address 15 s to 10 min of "
                     "421 (never 127.0.0.1 or ::1). For servers that see many clients as one address");
    operation.add_to(command);
    add_count(command, "--loops", loops, "Event loops (default: one per core)", {.most = 1024})->default_str("");
    command.add_option("--log", log_target, "Log file, '-' for standard error")->type_name("FILE")->capture_default_str();
    command.add_option("--log-level", log_level, "debug, info, warning, error or off")
        ->type_name("LEVEL")
        ->capture_default_str();
    command.add_option("--config", config, "TOML file; its keys are these options without the dashes")->type_name("FILE");
}

front::admission_rules front_options::admission() const noexcept {
    return {.most = max_sessions == 0 ? SIZE_MAX : max_sessions,
            .most_per_address = max_sessions_per_address,
            .per_second = session_rate,
            .per_second_per_address = session_rate_per_address,
            .penalties = !no_penalties};
}

result<std::vector<endpoint>> front_options::endpoints() const {
    // Implicit TLS alone is a complete set-up; a plain listener is then opened only when asked for.
    if (listen.empty() && listen_tls.empty()) return std::vector{*endpoint::parse("[::]:2121")};
    return parse_endpoints(listen, "--listen");
}

result<std::vector<endpoint>> front_options::implicit_endpoints() const {
    if (!listen_tls.empty() && tls_certificates.empty() && !tls_elsewhere) {
        return fail(errc::usage, "--listen-tls needs a certificate: add --tls-cert FILE (and --tls-key FILE)");
    }
    auto out = parse_endpoints(listen_tls, "--listen-tls");
    if (!out) return out;
    const auto plain = parse_endpoints(listen, "--listen");
    for (const auto& e : *out) {
        if (plain && e.port != 0 && std::ranges::find(*plain, e) != plain->end())
            return fail(errc::usage, fmt::format("--listen-tls {}: --listen has the same; a client's first bytes can't be "
                                                 "both, give each its port",
                                                 e.text()));
    }
    return out;
}

result<std::optional<net::tls_server_context>> front_options::tls() const {
    if (tls_certificates.empty()) {
        if (tls_required && !tls_elsewhere)
            return fail(errc::usage, "--tls-required needs a certificate: add --tls-cert FILE (and --tls-key FILE)");
        if (!client_ca.empty())
            return fail(errc::usage, "--client-ca needs a certificate of ours: add --tls-cert FILE (and --tls-key FILE)");
        if (!tls_keys.empty()) return fail(errc::usage, "--tls-key needs its certificate: add --tls-cert FILE");
        return std::nullopt;
    }
    if (!tls_keys.empty() && tls_keys.size() != tls_certificates.size())
        return fail(errc::usage,
                    fmt::format("{} --tls-cert and {} --tls-key: give each certificate its key, in the same order",
                                tls_certificates.size(), tls_keys.size()));
    if (std::set<std::string> once;
        !std::ranges::all_of(tls_certificates, [&](const auto& c) { return once.insert(c).second; }))
        return fail(errc::usage, "--tls-cert: a file is given twice; leave one of them");
    std::vector<net::tls_files> files;
    for (std::size_t i = 0; i < tls_certificates.size(); ++i)
        files.push_back({tls_certificates[i], tls_keys.empty() ? "" : tls_keys[i]});
    auto context = net::tls_server_context::from_files(std::move(files));
    if (!context) return std::unexpected(about("--tls-cert", context.error()));
    if (client_certificate != "optional" && client_certificate != "require")
        return fail(errc::usage, fmt::format("--client-cert {}: give optional or require", client_certificate));
    if (client_ca.empty() && client_certificate == "require")
        return fail(errc::usage, "--client-cert require needs to know who signs them: add --client-ca FILE");
    if (!client_ca.empty()) {
        if (auto asked = context->ask_clients(client_ca, client_certificate == "require"); !asked)
            return std::unexpected(about("--client-ca", asked.error()));
    }
    return std::optional(std::move(*context));
}

result<net::tls_reuse> front_options::reuse() const {
    if (tls_reuse == "require") return net::tls_reuse::require;
    if (tls_reuse == "prefer") return net::tls_reuse::prefer;
    if (tls_reuse == "off") return net::tls_reuse::off;
    return fail(errc::usage, fmt::format("--tls-reuse {}: give require, prefer or off", tls_reuse));
}

result<log::level> front_options::level() const {
    if (log_level == "debug") return log::level::debug;
    if (log_level == "info") return log::level::info;
    if (log_level == "warning") return log::level::warning;
    if (log_level == "error") return log::level::error;
    if (log_level == "off") return log::level::off;
    return fail(errc::usage, fmt::format("--log-level {}: give debug, info, warning, error or off", log_level));
}

start_subject front_options::subject(const config_places& places) const {
    start_subject out{.tls_required = tls_required, .max_sessions = max_sessions};
    // What is wrong with these was said before: they are the options of settings that are good.
    out.listen = endpoints().value_or(std::vector<endpoint>());
    out.listen_tls = implicit_endpoints().value_or(std::vector<endpoint>());
    out.inbound = inbound.settings().value_or(reach::passive_settings());
    for (std::size_t i = 0; i < tls_certificates.size(); ++i) {
        if (auto facts = net::read_certificate(tls_certificates[i]))
            out.certificates.push_back({tls_certificates[i], std::move(facts->names), facts->not_after});
        const auto& key = tls_keys.empty() ? tls_certificates[i] : tls_keys[i];
        if (is_world_readable(key)) out.exposed.push_back({key, "Private key"});
    }
    for (const char* secret : {"user", "reader", "check-user", "writer"}) {
        if (!places.has(secret) || !is_world_readable(config)) continue;
        out.exposed.push_back({config, "Configuration file with passwords"});
        break;
    }
    return out;
}

net::keepalive front_options::keepalive() const { return {keepalive_idle, keepalive_interval, keepalive_count}; }

}  // namespace sallyport::cli
