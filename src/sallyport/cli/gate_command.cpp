// sallyport gate: the gateway in front of FTP servers.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/log.hpp>
#include <sallyport/cli/admin_commands.hpp>
#include <sallyport/cli/command_service.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/front_options.hpp>
#include <sallyport/cli/help.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/policy_options.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/gate/backend_list.hpp>
#include <sallyport/gate/backend_parameters.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/own_ends.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/handover.hpp>

namespace sallyport::cli {
namespace {

constexpr auto name = "sallyport gate";

struct gate_options {
    front_options front;
    policy_options permitted;
    std::vector<std::string> backends;
    std::string backends_file;
    std::chrono::seconds resolve_interval = limits::resolve_interval;
    std::string dns_server;
    gate::balance balance = gate::balance::least_sessions;
    proto::backend_data backend_data = proto::backend_data::passive;
    bool kernel_data = false;
    std::string backend_ca;
    std::string backend_certificate;
    std::string backend_key;
    bool backend_insecure = false;
    std::chrono::milliseconds connect = std::chrono::seconds(3);
    std::chrono::seconds answer = limits::backend_answer;
    std::chrono::seconds rest{10};
    std::chrono::seconds slow_start = limits::backend_slow_start;
    std::chrono::seconds queue_wait = limits::backend_queue_wait;
    std::optional<gate::check_stage> check{};  // nothing: by the number of backends
    std::chrono::seconds check_interval = limits::check_interval;
    std::string check_user;
    bool dial_at_login = false;
    unsigned fall = limits::check_fall;
    unsigned rise = limits::check_rise;
    gate::all_down when_all_down = gate::all_down::refuse;

    void add_to(CLI::App& command);
    [[nodiscard]] result<std::vector<gate::backend>> parse_backends() const;
    [[nodiscard]] result<gate::settings> settings() const;
    [[nodiscard]] start_subject subject(const config_places& places, const gate::settings& made) const;

private:
    result<void> fill_checks(gate::settings& out) const;
};

option_value backend_data_mode(proto::backend_data& into) {
    auto out = single([&into](const std::string& text) -> result<void> {
        const auto mode = proto::parse_backend_data(text);
        if (!mode)
            return std::unexpected(unknown_word("mode", {"passive", "active", "match", "epsv", "pasv", "eprt", "port"}));
        into = *mode;
        return {};
    });
    out.default_text = "passive";
    return out;
}

std::vector<parameter_row> backend_parameter_rows() {
    std::vector<parameter_row> out;
    for (const auto& each : gate::backend_parameters())
        out.push_back({std::string(each.form), std::string(each.default_text), std::string(each.help)});
    return out;
}

void gate_options::add_to(CLI::App& command) {
    constexpr time_bounds an_hour{.most = std::chrono::hours(1)};
    constexpr time_bounds a_day{.most = std::chrono::hours(24)};
    using stage = gate::check_stage;
    command_table table;
    table.add(
        "Backends and load balancing",
        {{"--backend", "URL", texts(backends), "Backend server: ftp://, ftpes:// or ftps://HOST[:PORT][?PARAMETERS]",
          "required, or --backends-file", backend_parameter_rows()},
         {"--backends-file", "FILE", text(backends_file), "File with one backend URL per line; reread when it changes"},
         {"--resolve-interval", "SECONDS", time(resolve_interval, a_day),
          "Time between DNS lookups for backends with ?resolve"},
         {"--dns-server", "ADDR[:PORT]", text(dns_server), "Name server for these lookups", "system resolver"},
         {"--balance", "POLICY",
          word(balance, "policy",
               words<gate::balance>{{"least-sessions", gate::balance::least_sessions},
                                    {"round-robin", gate::balance::round_robin},
                                    {"least-response-time", gate::balance::least_response},
                                    {"client-address", gate::balance::client_address},
                                    {"user", gate::balance::user}}),
          "least-sessions, round-robin, least-response-time, client-address or user"},
         {"--slow-start", "SECONDS", time(slow_start, {.most = std::chrono::hours(24), .off = true}),
          "Time in which a recovered backend returns to its full weight"},
         {"--queue-timeout", "SECONDS", time(queue_wait, {.most = std::chrono::hours(1), .off = true}),
          "Time a client waits if all backends are at their limit; off: no queue"},
         {"--backend-connect-timeout", "SECONDS",
          time(connect, {.least = std::chrono::milliseconds(1), .most = std::chrono::hours(1)}),
          "Time limit for connect, TLS and greeting; then try the next backend"},
         {"--backend-login-timeout", "SECONDS", time(answer, an_hour), "Time limit for each backend reply during login"},
         {"--backend-retry-delay", "SECONDS", time(rest, {.most = std::chrono::hours(24), .off = true}),
          "Without health checks: delay before a failed backend is tried again"},
         {"--when-all-down", "reject|try",
          word(when_all_down, "value",
               words<gate::all_down>{{"reject", gate::all_down::refuse}, {"try", gate::all_down::try_anyway}}),
          "If checks report all backends down: reject sessions, or try anyway"}});
    table.add("Health checks",
              {{"--health-check", "LEVEL",
                word(check, "level",
                     words<std::optional<stage>>{{"auto", std::nullopt},
                                                 {"off", stage::off},
                                                 {"tcp", stage::tcp},
                                                 {"greeting", stage::greeting},
                                                 {"tls", stage::tls},
                                                 {"login", stage::login},
                                                 {"list", stage::list}}),
                "auto, off, tcp, greeting, tls, login or list", "auto: greeting with several backends, else off"},
               {"--health-check-interval", "SECONDS", time(check_interval, an_hour), "Time between two checks of a backend"},
               {"--health-check-user", "NAME:PASSWORD", text(check_user), "Account for the levels login and list"},
               {"--fall", "N", count(fall, {.most = 1000}), "Consecutive failures before a backend is marked down"},
               {"--rise", "N", count(rise, {.most = 1000}), "Consecutive successes before it is marked up again"}});
    table.add(
        "Backend connections",
        {{"--dial", "connect|login", word(dial_at_login, "value", words<bool>{{"connect", false}, {"login", true}}),
          "Connect to the backend when the client connects, or when it sends USER"},
         {"--backend-data-mode", "MODE", backend_data_mode(backend_data),
          "passive, active, match (as the client) or one of epsv, pasv, eprt, port"},
         {"--data-path", "relay|kernel", word(kernel_data, "path", words<bool>{{"relay", false}, {"kernel", true}}),
          "Relay data in this process, or use kernel NAT where possible"},
         {"--backend-ca", "FILE", text(backend_ca), "CA certificates (PEM) for verifying backends", "system CAs"},
         {"--backend-cert", "FILE", text(backend_certificate), "Client certificate (PEM) for backends that request one"},
         {"--backend-key", "FILE", text(backend_key), "Private key (PEM) for --backend-cert", "from --backend-cert"},
         {"--backend-insecure", "", flag(backend_insecure), "Do not verify backend certificates"}});
    front.add_to(table, "gate");
    permitted.add_to(table);
    front.operation.add_control_to(table);
    front.operation.add_replacement_to(table);
    table.notes =
        "Examples:\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://10.0.0.5 \\\n"
        "    --passive-ports 30000-30099 --external-address 203.0.113.7\n"
        "  sallyport gate --listen-tls 0.0.0.0:990 --tls-cert cert.pem \\\n"
        "    --backend ftp://camera.lan\n"
        "  sallyport gate --listen 0.0.0.0:21 --balance client-address \\\n"
        "    --backend 'ftp://10.0.0.5?weight=3' \\\n"
        "    --backend 'ftp://10.0.0.6?state=drain'\n\n" +
        option_types_help() + daemon_exit_codes;
    set_table(command, std::move(table));
}

result<std::vector<gate::backend>> gate_options::parse_backends() const {
    if (backends.empty() && backends_file.empty())
        return fail(errc::usage, "no backend is configured; add --backend ftp://HOST[:PORT]");
    std::vector<gate::backend> out;
    for (const auto& text : backends) {
        auto parsed = gate::backend::parse(text);
        if (!parsed) return std::unexpected(about("--backend", parsed.error()));
        out.push_back(std::move(*parsed));
    }
    return out;
}

result<gate::settings> gate_options::settings() const {
    gate::settings out;
    auto parsed = parse_backends();
    if (!parsed) return std::unexpected(parsed.error());
    out.backends = std::move(*parsed);
    if (!backends_file.empty()) {
        if (const auto listed = gate::read_backend_file(backends_file); !listed)
            return std::unexpected(about("--backends-file", listed.error()));
    }
    auto in_front = front;
    in_front.tls_elsewhere = out.passes_tls();
    if (auto filled = in_front.fill(out); !filled) return std::unexpected(filled.error());
    if (auto filled = permitted.fill(out); !filled) return std::unexpected(filled.error());
    out.backends_file = backends_file;
    out.resolve_interval = resolve_interval;
    if (!dns_server.empty()) {
        const auto address = ip_address::parse(dns_server);
        out.dns_server = address ? endpoint{*address, 53} : endpoint::parse(dns_server);
        if (!out.dns_server)
            return fail(errc::usage,
                        fmt::format("--dns-server {}: invalid address; use ADDRESS or ADDRESS:PORT", dns_server));
    }
    const bool others_may_come = !front.config.empty() || !backends_file.empty();
    if (others_may_come ||
        !std::ranges::all_of(out.backends, [](const auto& b) { return b.tls == gate::backend_tls::none; })) {
        std::optional<net::tls_files> own;
        if (!backend_certificate.empty()) own = net::tls_files{backend_certificate, backend_key};
        auto context = net::tls_client_context::make({.verify = !backend_insecure, .ca_file = backend_ca, .own = own});
        if (!context)
            return std::unexpected(about(own ? "--backend-ca or --backend-cert" : "--backend-ca", context.error()));
        out.backend_tls = std::move(*context);
    }
    if (auto filled = fill_checks(out); !filled) return std::unexpected(filled.error());
    out.spread.policy = balance;
    out.spread.rest = rest;
    out.spread.slow_start = slow_start;
    out.queue_wait = queue_wait;
    out.backend_data = backend_data;
    out.kernel_data = kernel_data;
    out.dial_at_login = dial_at_login;
    out.backend_connect = connect;
    out.backend_answer = answer;
    return out;
}

result<void> gate_options::fill_checks(gate::settings& out) const {
    const bool several = out.backends.size() > 1 || !out.backends_file.empty() ||
                         std::ranges::any_of(out.backends, &gate::backend::is_looked_up);
    out.spread.check = check.value_or(several ? gate::check_stage::greeting : gate::check_stage::off);
    if (out.spread.check >= gate::check_stage::login) {
        const auto colon = check_user.find(':');
        if (colon == std::string::npos || colon == 0)
            return fail(errc::usage, fmt::format("--health-check {} needs an account; add --health-check-user NAME:PASSWORD",
                                                 gate::name(out.spread.check)));
        auto password = read_secret(std::string_view(check_user).substr(colon + 1));
        if (!password) return fail(errc::usage, fmt::format("--health-check-user: {}", password.error().what));
        out.checks.user = check_user.substr(0, colon);
        out.checks.password = std::move(*password);
    }
    out.look_at_start = !check;
    out.checks.interval = check_interval;
    out.spread.fall = fall;
    out.spread.rise = rise;
    out.spread.when_all_down = when_all_down;
    return {};
}

start_subject gate_options::subject(const config_places& places, const gate::settings& made) const {
    auto in_front = front;
    in_front.tls_elsewhere = made.passes_tls();
    auto out = in_front.subject(places);
    out.tls_passes = made.passes_tls();
    out.passwords = true;
    out.descriptors_per_session = 4;  // on either side
    out.logins = fmt::format("Accounts: those of {} backends{}", made.backends.size(),
                             backends_file.empty() ? "" : " and of those in " + backends_file);
    for (const auto& b : made.backends)
        if (b.mirror.first != 0) out.mirrored.push_back(b.mirror);
    const auto& key = backend_key.empty() ? backend_certificate : backend_key;
    if (!key.empty() && is_world_readable(key)) out.exposed.push_back({key, "Private key"});
    for (const auto& file : secret_files({check_user}))
        if (is_world_readable(file)) out.exposed.push_back({file, "Password file"});
    return out;
}

/// For "check".
result<std::string> checked(const CLI::App& command) {
    const auto good = load_options<gate_options>("gate", values_of(command));
    if (!good) return std::unexpected(good.error());
    const auto& settings = good->settings;
    auto listeners = settings.listen;
    listeners.insert(listeners.end(), settings.listen_implicit.begin(), settings.listen_implicit.end());
    gate::own_ends own;
    own.listen_at(std::move(listeners));
    if (const auto others = own.none_of(settings.backends); !others) return std::unexpected(others.error());
    return fmt::format("Configuration is valid: {} backends\n{}", settings.backends.size(),
                       text_of(make_report(good->options.subject(good->places, settings), look_at_machine())));
}

int run(CLI::App& command, const gate_options& options) {
    auto handover = ops::receive_handover();  // first of all: a failure is reported to the old process
    const auto on_command_line = values_of(command);
    const auto ready = prepare(command, options.front);
    if (!ready) return ops::report_start_failure(name, ready.error(), handover.from);
    auto settings = options.settings();
    if (!settings) return ops::report_start_failure(name, ready->locate(settings.error()), handover.from);
    const auto report = [&](const std::vector<endpoint>& listening) {
        log_report(make_report(as_started(options.subject(*ready, *settings), listening), look_at_machine()));
    };
    command_service<gate_options, gate::gate> source("gate", on_command_line, values_of(command), *settings, report);
    return ops::run_daemon(plan_of("gate", options.front), source, std::move(handover));
}

}  // namespace

void add_gate_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<gate_options>();
    CLI::App* command = app.add_subcommand("gate", "Run an FTP and FTPS gateway in front of FTP servers");
    options->add_to(*command);
    const auto check = [command] { return checked(*command); };
    add_admin_commands({.command = *command, .options = options->front, .settings = check}, exit_code);
    command->callback([options, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run(*command, *options);
    });
}

}  // namespace sallyport::cli
