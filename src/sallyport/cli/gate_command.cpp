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
#include <sallyport/cli/access_options.hpp>
#include <sallyport/cli/admin_commands.hpp>
#include <sallyport/cli/adopt_command.hpp>
#include <sallyport/cli/command_service.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/daemon_options.hpp>
#include <sallyport/cli/destination_check.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/help.hpp>
#include <sallyport/cli/interception_options.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/plan_command.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/firewall/policy_route.hpp>
#include <sallyport/gate/backend_list.hpp>
#include <sallyport/gate/backend_parameters.hpp>
#include <sallyport/gate/forward_rule.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/gate/self_connection_guard.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/ops/handover.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

constexpr auto gate_program = "sallyport gate";

struct gate_options {
    daemon_options daemon;
    access_options access;
    std::vector<std::string> backends;
    std::string backends_file;
    std::vector<std::string> forward_to;
    std::chrono::seconds resolve_interval = limits::resolve_interval;
    std::string dns_server;
    gate::balancing_policy balance = gate::balancing_policy::least_sessions;
    proto::backend_data_mode backend_data = proto::backend_data_mode::passive;
    // Nothing: for intercepted sessions only.
    std::optional<bool> kernel_data{};
    interception_options interception;
    std::string backend_ca;
    std::string backend_certificate;
    std::string backend_key;
    bool backend_insecure = false;
    std::chrono::milliseconds connect = std::chrono::seconds(3);
    std::chrono::seconds login_timeout = limits::backend_login_timeout;
    std::chrono::seconds retry_delay{10};
    std::chrono::seconds slow_start = limits::slow_start;
    std::chrono::seconds queue_timeout = limits::queue_timeout;
    // Nothing: depends on the number of backends.
    std::optional<gate::check_level> check_level{};
    std::chrono::seconds health_check_interval = limits::check_interval;
    std::string health_check_user;
    bool dial_at_login = false;
    unsigned fall = limits::check_fall;
    unsigned rise = limits::check_rise;
    gate::all_down_policy when_all_down = gate::all_down_policy::reject;

    void add_to(CLI::App& command);
    [[nodiscard]] result<std::vector<gate::backend>> parse_backends() const;
    [[nodiscard]] result<std::vector<gate::forward_rule>> parse_forward_rules() const;
    [[nodiscard]] result<gate::settings> settings() const;
    [[nodiscard]] report_input subject(const config_locations& locations, const gate::settings& made) const;
    [[nodiscard]] std::optional<firewall::interception_settings> kernel_rules(rule_numbers numbers) const;
    [[nodiscard]] confinement_needs needs(const std::string& control_socket, rule_numbers numbers) const;
    [[nodiscard]] std::vector<std::string> conflicts(const confinement_needs& of_process) const;

private:
    result<void> fill_checks(gate::settings& out) const;
};

option_value backend_data_mode(proto::backend_data_mode& into) {
    auto out = single([&into](const std::string& text) -> result<void> {
        const auto mode = proto::parse_backend_data_mode(text);
        if (!mode)
            return std::unexpected(unknown_value("mode", {"passive", "active", "match", "epsv", "pasv", "eprt", "port"}));
        into = *mode;
        return {};
    });
    out.default_text = "passive";
    return out;
}

std::vector<parameter_row> backend_parameter_rows() {
    std::vector<parameter_row> out;
    for (const auto& each : gate::backend_parameter_table())
        out.push_back({std::string(each.form), std::string(each.default_text), std::string(each.help)});
    return out;
}

void gate_options::add_to(CLI::App& command) {
    constexpr time_bounds an_hour{.max = std::chrono::hours(1)};
    constexpr time_bounds a_day{.max = std::chrono::hours(24)};
    using stage = gate::check_level;
    command_table table;
    table.add(
        "Backends and load balancing",
        {{"--backend", "URL", texts(backends), "Backend server: ftp://, ftpes:// or ftps://HOST[:PORT][?PARAMETERS]",
          "required, or --backends-file, --intercept or --forward-to", backend_parameter_rows()},
         {"--backends-file", "FILE", text(backends_file), "File with one backend URL per line; reread when it changes"},
         {"--forward-to", "TARGET", texts(forward_to),
          "Forward proxy: clients may name servers in this NET[:PORTS] or NAME[:PORTS]", "no server"},
         {"--resolve-interval", "SECONDS", time(resolve_interval, a_day),
          "Time between DNS lookups for backends with ?resolve"},
         {"--dns-server", "ADDR[:PORT]", text(dns_server), "Name server for these lookups", "system resolver"},
         {"--balance", "POLICY",
          choice(balance, "policy",
                 choices<gate::balancing_policy>{{"least-sessions", gate::balancing_policy::least_sessions},
                                                 {"round-robin", gate::balancing_policy::round_robin},
                                                 {"least-response-time", gate::balancing_policy::least_response_time},
                                                 {"client-address", gate::balancing_policy::client_address},
                                                 {"user", gate::balancing_policy::user}}),
          "least-sessions, round-robin, least-response-time, client-address or user"},
         {"--slow-start", "SECONDS", time(slow_start, {.max = std::chrono::hours(24), .off = true}),
          "Time in which a recovered backend returns to its full weight"},
         {"--queue-timeout", "SECONDS", time(queue_timeout, {.max = std::chrono::hours(1), .off = true}),
          "Time a client waits if all backends are at their limit; off: no queue"},
         {"--backend-connect-timeout", "SECONDS",
          time(connect, {.min = std::chrono::milliseconds(1), .max = std::chrono::hours(1)}),
          "Time limit for connect, TLS and greeting; then try the next backend"},
         {"--backend-login-timeout", "SECONDS", time(login_timeout, an_hour),
          "Time limit for each backend reply during login"},
         {"--backend-retry-delay", "SECONDS", time(retry_delay, {.max = std::chrono::hours(24), .off = true}),
          "Without health checks: delay before a failed backend is tried again"},
         {"--when-all-down", "reject|try",
          choice(when_all_down, "value",
                 choices<gate::all_down_policy>{{"reject", gate::all_down_policy::reject},
                                                {"try", gate::all_down_policy::try_anyway}}),
          "If checks report all backends down: reject sessions, or try anyway"}});
    table.add("Health checks",
              {{"--health-check", "LEVEL",
                choice(check_level, "level",
                       choices<std::optional<stage>>{{"auto", std::nullopt},
                                                     {"off", stage::off},
                                                     {"tcp", stage::tcp},
                                                     {"greeting", stage::greeting},
                                                     {"tls", stage::tls},
                                                     {"login", stage::login},
                                                     {"list", stage::list}}),
                "auto, off, tcp, greeting, tls, login or list", "auto: greeting with several backends, else off"},
               {"--health-check-interval", "SECONDS", time(health_check_interval, an_hour),
                "Time between two checks of a backend"},
               {"--health-check-user", "NAME:PASSWORD", text(health_check_user), "Account for the levels login and list"},
               {"--fall", "N", count(fall, {.max = 1000}), "Consecutive failures before a backend is marked down"},
               {"--rise", "N", count(rise, {.max = 1000}), "Consecutive successes before it is marked up again"}});
    table.add(
        "Backend connections",
        {{"--dial", "connect|login", choice(dial_at_login, "value", choices<bool>{{"connect", false}, {"login", true}}),
          "Connect to the backend when the client connects, or when it sends USER"},
         {"--backend-data-mode", "MODE", backend_data_mode(backend_data),
          "passive, active, match (as the client) or one of epsv, pasv, eprt, port"},
         {"--data-path", "relay|kernel",
          choice(kernel_data, "path", choices<std::optional<bool>>{{"relay", false}, {"kernel", true}}),
          "Relay data in this process, or let the kernel forward them where possible", "relay, and kernel with --intercept"},
         {"--backend-ca", "FILE", text(backend_ca), "CA certificates (PEM) for verifying backends", "system CAs"},
         {"--backend-cert", "FILE", text(backend_certificate), "Client certificate (PEM) for backends that request one"},
         {"--backend-key", "FILE", text(backend_key), "Private key (PEM) for --backend-cert", "from --backend-cert"},
         {"--backend-insecure", "", flag(backend_insecure), "Do not verify backend certificates"}});
    interception.add_to(table, daemon.intercept);
    daemon.add_to(table, "gate");
    access.add_to(table);
    daemon.logging_and_control.add_control_to(table);
    daemon.logging_and_control.add_restart_to(table);
    daemon.logging_and_control.add_watchdog_to(table);
    table.notes =
        "With --intercept IF, the gateway makes these rules and routes. Their marks, numbers and ports of listeners are "
        "examples; 'sallyport gate plan' prints what your options make.\n\n" +
        rules_help() +
        "\nExamples:\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://10.0.0.5 \\\n"
        "    --passive-ports 30000-30099 --external-address 203.0.113.7\n"
        "  sallyport gate --intercept lan0\n"
        "  sallyport gate --listen-tls 0.0.0.0:990 --tls-cert cert.pem \\\n"
        "    --backend ftp://camera.lan\n"
        "  sallyport gate --listen 0.0.0.0:21 --balance client-address \\\n"
        "    --backend 'ftp://10.0.0.5?weight=3' \\\n"
        "    --backend 'ftp://10.0.0.6?state=drain'\n\n" +
        option_types_help() + daemon_exit_codes;
    set_table(command, std::move(table));
}

result<std::vector<gate::backend>> gate_options::parse_backends() const {
    std::vector<gate::backend> out;
    for (const auto& text : backends) {
        auto parsed = gate::backend::parse(text);
        if (!parsed) return std::unexpected(with_option("--backend", parsed.error()));
        out.push_back(std::move(*parsed));
    }
    return out;
}

result<std::vector<gate::forward_rule>> gate_options::parse_forward_rules() const {
    std::vector<gate::forward_rule> out;
    for (const auto& text : forward_to) {
        auto parsed = gate::parse_forward_rule(text);
        if (!parsed) return std::unexpected(with_option("--forward-to", parsed.error()));
        out.push_back(std::move(*parsed));
    }
    return out;
}

result<gate::settings> gate_options::settings() const {
    gate::settings out;
    auto parsed = parse_backends();
    if (!parsed) return std::unexpected(parsed.error());
    out.backends = std::move(*parsed);
    out.backends_file = backends_file;
    auto intercepted = interception_rules(daemon.intercept);
    if (!intercepted) return std::unexpected(intercepted.error());
    if (const auto valid = interception.of_kernel(*intercepted); !valid) return std::unexpected(valid.error());
    out.interception.rules = std::move(*intercepted);
    out.interception.server_sees_router = interception.server_sees_router;
    out.interception.kernel_forwarding = kernel_data.value_or(true);
    auto forwarded = parse_forward_rules();
    if (!forwarded) return std::unexpected(forwarded.error());
    out.forward_to = std::move(*forwarded);
    if (const auto fits = check_destinations(out, daemon.max_account_guesses); !fits) return std::unexpected(fits.error());
    if (!backends_file.empty()) {
        if (const auto listed = gate::load_backend_file(backends_file); !listed)
            return std::unexpected(with_option("--backends-file", listed.error()));
    }
    auto daemon_with_passthrough = daemon;
    daemon_with_passthrough.tls_passthrough = out.uses_passthrough();
    if (auto filled = daemon_with_passthrough.fill(out); !filled) return std::unexpected(filled.error());
    if (auto filled = access.fill(out, daemon.client_ca); !filled) return std::unexpected(filled.error());
    out.resolve_interval = resolve_interval;
    if (!dns_server.empty()) {
        const auto address = ip_address::parse(dns_server);
        out.dns_server = address ? endpoint{*address, 53} : endpoint::parse(dns_server);
        if (!out.dns_server)
            return fail(errc::usage,
                        fmt::format("--dns-server {}: invalid address; use ADDRESS or ADDRESS:PORT", dns_server));
    }
    const bool ends_tls =
        std::ranges::any_of(out.interception.rules, [](const auto& rule) { return rule.tls == gate::intercepted_tls::end; });
    if (ends_tls && !out.tls) return fail(errc::usage, "--intercept: tls=end needs a certificate; add --tls-cert FILE");
    const auto uses_tls = [](const auto& server) { return server.tls != gate::backend_tls::none; };
    const bool may_have_tls_backends = !daemon.config.empty() || !backends_file.empty() || ends_tls;
    if (may_have_tls_backends || std::ranges::any_of(out.forward_to, uses_tls) ||
        std::ranges::any_of(out.backends, uses_tls)) {
        std::optional<net::tls_files> client_certificate;
        if (!backend_certificate.empty()) client_certificate = net::tls_files{backend_certificate, backend_key};
        auto context = net::tls_client_context::make(
            {.verify = !backend_insecure, .ca_file = backend_ca, .client_certificate = client_certificate});
        if (!context)
            return std::unexpected(
                with_option(client_certificate ? "--backend-ca or --backend-cert" : "--backend-ca", context.error()));
        out.backend_tls = std::move(*context);
    } else if (!backend_ca.empty() || !backend_certificate.empty() || backend_insecure) {
        return fail(
            errc::usage,
            fmt::format("{} has no effect, as no backend uses TLS; use ftpes:// or ftps:// in --backend or --forward-to",
                        !backend_ca.empty()            ? "--backend-ca"
                        : !backend_certificate.empty() ? "--backend-cert"
                                                       : "--backend-insecure"));
    }
    if (auto filled = fill_checks(out); !filled) return std::unexpected(filled.error());
    out.balancing.policy = balance;
    out.balancing.retry_delay = retry_delay;
    out.balancing.slow_start = slow_start;
    out.session_queue_timeout = queue_timeout;
    out.backend_data_mode = backend_data;
    out.kernel_forwarding = kernel_data.value_or(false);
    out.connect_at_login = dial_at_login;
    out.backend_connect_timeout = connect;
    out.backend_login_timeout = login_timeout;
    return out;
}

result<void> gate_options::fill_checks(gate::settings& out) const {
    const bool several = out.backends.size() > 1 || !out.backends_file.empty() ||
                         std::ranges::any_of(out.backends, &gate::backend::needs_discovery);
    out.balancing.check = check_level.value_or(several ? gate::check_level::greeting : gate::check_level::off);
    if (out.balancing.check >= gate::check_level::login) {
        const auto colon = health_check_user.find(':');
        if (colon == std::string::npos || colon == 0)
            return fail(errc::usage, fmt::format("--health-check {} needs an account; add --health-check-user NAME:PASSWORD",
                                                 gate::name(out.balancing.check)));
        auto password = read_secret(std::string_view(health_check_user).substr(colon + 1));
        if (!password) return fail(errc::usage, fmt::format("--health-check-user: {}", password.error().what));
        out.checks.user = health_check_user.substr(0, colon);
        out.checks.password = std::move(*password);
    }
    out.check_at_start = !check_level;
    out.checks.interval = health_check_interval;
    out.balancing.fall = fall;
    out.balancing.rise = rise;
    out.balancing.when_all_down = when_all_down;
    return {};
}

/// Where sessions can be relayed to: "2 backends and the servers of 1 --forward-to".
std::string servers_text(const gate::settings& made) {
    std::string out;
    const auto add = [&out](std::string text) { out += (out.empty() ? "" : " and ") + std::move(text); };
    if (!made.backends.empty()) add(status::with_plural(made.backends.size(), "backend"));
    if (!made.backends_file.empty()) add("the backends in " + made.backends_file);
    if (!made.forward_to.empty()) add("the servers that clients name (--forward-to)");
    if (made.interception.is_enabled()) add("the servers that intercepted clients connect to (--intercept)");
    return out;
}

report_input gate_options::subject(const config_locations& locations, const gate::settings& made) const {
    auto daemon_with_passthrough = daemon;
    daemon_with_passthrough.tls_passthrough = made.uses_passthrough();
    auto out = daemon_with_passthrough.subject(locations);
    out.tls_passthrough = made.uses_passthrough();
    out.passwords = true;
    // Two on each leg.
    out.descriptors_per_session = 4;
    out.logins = fmt::format("Accounts: those of {}", servers_text(made));
    for (const auto& b : made.backends)
        if (b.passthrough_range.first != 0) out.passthrough_ports.push_back(b.passthrough_range);
    const auto& key = backend_key.empty() ? backend_certificate : backend_key;
    if (!key.empty() && is_world_readable(key)) out.exposed.push_back({key, "Private key"});
    for (const auto& file : secret_files({health_check_user}))
        if (is_world_readable(file)) out.exposed.push_back({file, "Password file"});
    return out;
}

/// With a mark and a routing table. Nothing without --intercept; invalid options are reported by settings().
std::optional<firewall::interception_settings> gate_options::kernel_rules(rule_numbers numbers) const {
    const auto rules = interception_rules(daemon.intercept);
    if (!rules || rules->empty()) return std::nullopt;
    auto out = interception.of_kernel(*rules);
    if (!out) return std::nullopt;
    const bool running =
        numbers == rule_numbers::of_running_gateway && firewall::take_numbers_of_running_gateway(*out).value_or(false);
    if (!running && !firewall::choose_free_numbers(*out)) return std::nullopt;
    return std::move(*out);
}

confinement_needs gate_options::needs(const std::string& control_socket, rule_numbers numbers) const {
    confinement_needs out{.files_to_read = {backends_file, backend_ca, backend_certificate, backend_key},
                          .control_socket = control_socket,
                          .kernel_forwarding = kernel_data.value_or(false),
                          .has_helper = true};
    for (const auto& file : secret_files({health_check_user})) out.files_to_read.push_back(file);
    out.interception = kernel_rules(numbers);
    out.kernel_forwarding = out.kernel_forwarding || out.interception;
    // An invalid backend is reported by settings().
    for (const auto& b : parse_backends().value_or(std::vector<gate::backend>()))
        if (b.passthrough_range.first != 0) out.ports.push_back(b.passthrough_range);
    return out;
}

/// Warnings about rules of the administrator that keep control connections from a gateway that changes the kernel's rules.
/// Reading them needs the rights that the process has at its start. Invalid options are reported by settings().
std::vector<std::string> gate_options::conflicts(const confinement_needs& of_process) const {
    if (!of_process.kernel_forwarding) return {};
    std::vector<std::uint16_t> ports;
    for (const auto& at : daemon.listeners()) ports.push_back(at.port);
    for (const auto& rule : interception_rules(daemon.intercept).value_or(std::vector<gate::interception_rule>())) {
        ports.insert(ports.end(), rule.connections.ports.begin(), rule.connections.ports.end());
        ports.insert(ports.end(), rule.connections.implicit_ports.begin(), rule.connections.implicit_ports.end());
    }
    return warnings_about_rules(ports);
}

/// The report of "check".
result<std::string> checked(const CLI::App& command) {
    const auto good = load_options<gate_options>("gate", values_of(command));
    if (!good) return std::unexpected(good.error());
    const auto& settings = good->settings;
    auto listeners = settings.listen;
    listeners.insert(listeners.end(), settings.listen_implicit.begin(), settings.listen_implicit.end());
    gate::self_connection_guard guard;
    guard.set_listeners(std::move(listeners));
    if (const auto distinct = guard.check_not_self(settings.backends); !distinct) return std::unexpected(distinct.error());
    auto subject = good->options.subject(good->locations, settings);
    const auto needs = good->options.needs({}, rule_numbers::of_running_gateway);
    subject.interception = about_interception(needs.interception, settings.interception, good->options.conflicts(needs));
    return fmt::format("Configuration is valid: {}\n{}", servers_text(settings),
                       text_of(make_report(subject, read_machine_facts())));
}

/// The output of "plan".
result<std::string> plan_of_rules(const CLI::App& command, firewall::firewall_format format) {
    const auto good = load_options<gate_options>("gate", values_of(command));
    if (!good) return std::unexpected(good.error());
    const auto needs = good->options.needs({}, rule_numbers::of_running_gateway);
    auto rules = needs.interception;
    if (!rules) return fail(errc::usage, "nothing is intercepted with these options; add --intercept IF");
    // The system chooses the ports at the start.
    auto port = example_port;
    for (auto& each : rules->interceptions) each.listeners = {port, port}, ++port;
    auto out = is_of_running_gateway(*rules) ? fmt::format("# {}.\n", running_gateway_text) : std::string();
    out += plan_text(*rules, format);
    const auto conflicts = good->options.conflicts(needs);
    if (!conflicts.empty()) out += "\n# Rules of this machine that are in conflict with the gateway:\n";
    for (const auto& conflict : conflicts) out += fmt::format("# {}\n", conflict);
    return out;
}

int run(CLI::App& command, const gate_options& options) {
    // Before anything else, so that every failure is reported to the old process.
    auto handover = ops::receive_handover();
    const auto on_command_line = values_of(command);
    const auto ready = prepare(command, options.daemon);
    if (!ready) return ops::report_start_failure(gate_program, ready.error(), handover.from);
    auto plan = plan_of("gate", options.daemon);
    if (!plan) return ops::report_start_failure(gate_program, ready->locate(plan.error()), handover.from);
    const auto needs = options.needs(plan->control.place.path, rule_numbers::free);
    auto conflicts = options.conflicts(needs);
    const auto rights = start_helper(options.daemon, needs);
    if (!rights) return ops::report_start_failure(gate_program, rights.error(), handover.from);
    auto confined = prepare_confinement(options.daemon, needs);
    if (!confined) return ops::report_start_failure(gate_program, ready->locate(confined.error()), handover.from);
    if (const auto opened = open_log(options.daemon); !opened)
        return ops::report_start_failure(gate_program, opened.error(), handover.from);
    auto settings = options.settings();
    if (!settings) return ops::report_start_failure(gate_program, ready->locate(settings.error()), handover.from);
    auto subject = options.subject(*ready, *settings);
    subject.interception = about_interception(needs.interception, settings->interception, std::move(conflicts));
    const auto report = [&](const std::vector<endpoint>& listening) {
        log_report(make_report(with_listeners(subject, listening), read_machine_facts()));
    };
    const auto use_helper = [&rights](gate::settings& to) {
        to.make_table = [&helper = **rights] { return helper.find_table(); };
        if (to.interception.is_enabled()) use_helper_for(to.interception, **rights);
    };
    command_service<gate_options, gate::gate> source("gate", on_command_line, values_of(command), *settings, use_helper,
                                                     report);
    plan->confinement = std::move(*confined);
    const int code = ops::run_daemon(*plan, source, std::move(handover), **rights);
    if (needs.interception) (*rights)->end_interception();
    return code;
}

}  // namespace

void add_gate_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<gate_options>();
    CLI::App* command = app.add_subcommand("gate", "Run an FTP and FTPS gateway in front of FTP servers");
    options->add_to(*command);
    const auto check = [command] { return checked(*command); };
    add_admin_commands({.command = *command, .options = options->daemon, .settings = check}, exit_code);
    add_adopt(*command, exit_code);
    const auto plan = [command](firewall::firewall_format format) { return plan_of_rules(*command, format); };
    add_plan(*command, plan, exit_code);
    command->callback([options, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run(*command, *options);
    });
}

}  // namespace sallyport::cli
