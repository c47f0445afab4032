#include <sallyport/cli/front_options.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace sallyport::cli {
namespace {

result<std::vector<endpoint>> parse_endpoints(const std::vector<std::string>& texts, std::string_view option) {
    std::vector<endpoint> out;
    for (const auto& text : texts) {
        const auto parsed = endpoint::parse(text);
        if (!parsed) {
            return fail(errc::syntax,
                        fmt::format("{} {}: give ADDRESS:PORT, for example 0.0.0.0:2121 or [::]:2121", option, text));
        }
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
    command
        .add_option("--idle-timeout", idle_seconds, "Idle sessions end after this; running transfers do not count as idle")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--login-timeout", login_seconds, "A session must have logged in by then")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--data-timeout", data_seconds, "How long to wait for a data connection")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--stall-timeout", stall_seconds, "Abort transfers without progress for this long")
        ->type_name("SECONDS")
        ->capture_default_str();
    command
        .add_option("--stall-rate", stall_rate,
                    "Bytes a second, on average over --stall-timeout, that count as progress; 0: any byte counts. Time in "
                    "which a rate limit of ours holds a transfer back does not count")
        ->type_name("BYTES")
        ->capture_default_str();
    command
        .add_option("--stop-timeout", stop_seconds,
                    "After SIGTERM, time for running transfers to finish; a second SIGTERM or SIGINT stops at once")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--keepalive-idle", keepalive_idle, "TCP keepalive on control connections: first probe after this")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--keepalive-interval", keepalive_interval, "... then at this interval")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--keepalive-count", keepalive_count, "... and dead after so many unanswered; 0 turns it off")
        ->type_name("N")
        ->capture_default_str();
    command.add_option("--max-sessions", max_sessions, "More are told 421")->type_name("N")->capture_default_str();
    command
        .add_option("--max-sessions-per-address", max_sessions_per_address,
                    "More from one address are told 421; 0: no such limit")
        ->type_name("N")
        ->capture_default_str();
    command.add_option("--session-rate", session_rate, "More new sessions a second, after a burst of as many, are told 421")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    command
        .add_option("--session-rate-per-address", session_rate_per_address,
                    "The same for each address; 0.1 is one in ten seconds")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    command.add_flag("--no-penalties", no_penalties,
                     "Let addresses go on guessing passwords; else several refused logins cost an address 15 s to 10 min of "
                     "421 (never 127.0.0.1 or ::1). For servers that see many clients as one address");
    operation.add_to(command);
    command.add_option("--loops", loops, "Event loops (default: one per core)")->type_name("N");
    command.add_option("--log", log_target, "Log file, '-' for standard error")->type_name("FILE")->capture_default_str();
    command.add_option("--log-level", log_level, "debug, info, warning, error or off")
        ->type_name("LEVEL")
        ->capture_default_str();
    command.add_option("--config", config, "TOML file; its keys are these options without the dashes")->type_name("FILE");
}

result<std::vector<endpoint>> front_options::endpoints() const {
    // Implicit TLS alone is a complete set-up; a plain listener is then opened only when asked for.
    if (listen.empty() && listen_tls.empty()) return std::vector{*endpoint::parse("[::]:2121")};
    return parse_endpoints(listen, "--listen");
}

result<std::vector<endpoint>> front_options::implicit_endpoints() const {
    if (!listen_tls.empty() && tls_certificates.empty() && !tls_elsewhere) {
        return fail(errc::misuse, "--listen-tls needs a certificate: add --tls-cert FILE (and --tls-key FILE)");
    }
    return parse_endpoints(listen_tls, "--listen-tls");
}

result<std::optional<net::tls_server_context>> front_options::tls() const {
    if (tls_certificates.empty()) {
        if (tls_required && !tls_elsewhere)
            return fail(errc::misuse, "--tls-required needs a certificate: add --tls-cert FILE (and --tls-key FILE)");
        if (!client_ca.empty())
            return fail(errc::misuse, "--client-ca needs a certificate of ours: add --tls-cert FILE (and --tls-key FILE)");
        if (!tls_keys.empty()) return fail(errc::misuse, "--tls-key needs its certificate: add --tls-cert FILE");
        return std::nullopt;
    }
    if (!tls_keys.empty() && tls_keys.size() != tls_certificates.size())
        return fail(errc::misuse,
                    fmt::format("{} --tls-cert and {} --tls-key: give each certificate its key, in the same order",
                                tls_certificates.size(), tls_keys.size()));
    std::vector<net::tls_files> files;
    for (std::size_t i = 0; i < tls_certificates.size(); ++i)
        files.push_back({tls_certificates[i], tls_keys.empty() ? "" : tls_keys[i]});
    auto context = net::tls_server_context::from_files(std::move(files));
    if (!context) return std::unexpected(context.error());
    if (client_certificate != "optional" && client_certificate != "require")
        return fail(errc::syntax, fmt::format("--client-cert {}: give optional or require", client_certificate));
    if (client_ca.empty() && client_certificate == "require")
        return fail(errc::misuse, "--client-cert require needs to know who signs them: add --client-ca FILE");
    if (!client_ca.empty()) {
        if (auto asked = context->ask_clients(client_ca, client_certificate == "require"); !asked)
            return std::unexpected(asked.error());
    }
    return std::optional(std::move(*context));
}

result<net::tls_reuse> front_options::reuse() const {
    if (tls_reuse == "require") return net::tls_reuse::require;
    if (tls_reuse == "prefer") return net::tls_reuse::prefer;
    if (tls_reuse == "off") return net::tls_reuse::off;
    return fail(errc::syntax, fmt::format("--tls-reuse {}: give require, prefer or off", tls_reuse));
}

result<log::level> front_options::level() const {
    if (log_level == "debug") return log::level::debug;
    if (log_level == "info") return log::level::info;
    if (log_level == "warning") return log::level::warning;
    if (log_level == "error") return log::level::error;
    if (log_level == "off") return log::level::off;
    return fail(errc::syntax, fmt::format("--log-level {}: give debug, info, warning, error or off", log_level));
}

net::keepalive front_options::keepalive() const {
    return {std::chrono::seconds(keepalive_idle), std::chrono::seconds(keepalive_interval), keepalive_count};
}

}  // namespace sallyport::cli
