// sallyport gate: the gateway in front of FTP servers.

#include <algorithm>
#include <array>
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
#include <sallyport/cli/option_types.hpp>
#include <sallyport/cli/policy_options.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/gate/backend_list.hpp>
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
    std::string balance = "least-sessions";
    std::string backend_data = "passive";
    std::string data_path = "relay";
    std::string backend_ca;
    std::string backend_certificate;
    std::string backend_key;
    bool backend_insecure = false;
    std::chrono::milliseconds connect = std::chrono::seconds(3);
    std::chrono::seconds answer = limits::backend_answer;
    std::chrono::seconds rest{10};
    std::chrono::seconds slow_start = limits::backend_slow_start;
    std::chrono::seconds queue_wait = limits::backend_queue_wait;
    std::string check = "auto";
    std::chrono::seconds check_interval = limits::check_interval;
    std::string check_user;
    std::string dial = "connect";
    unsigned fall = limits::check_fall;
    unsigned rise = limits::check_rise;
    std::string when_all_down = "refuse";

    void add_to(CLI::App& command);
    [[nodiscard]] result<std::vector<gate::backend>> parse_backends() const;
    [[nodiscard]] result<gate::settings> settings() const;
    [[nodiscard]] start_subject subject(const config_places& places, const gate::settings& made) const;

private:
    result<void> fill_checks(gate::settings& out) const;
};

constexpr std::array<std::pair<std::string_view, gate::balance>, 5> policies{{
    {"least-sessions", gate::balance::least_sessions},
    {"round-robin", gate::balance::round_robin},
    {"least-response", gate::balance::least_response},
    {"client-address", gate::balance::client_address},
    {"user", gate::balance::user},
}};
constexpr std::array check_stages{gate::check_stage::off, gate::check_stage::tcp,   gate::check_stage::greeting,
                                  gate::check_stage::tls, gate::check_stage::login, gate::check_stage::list};

constexpr time_bounds an_hour{.most = std::chrono::hours(1)};
constexpr time_bounds a_day{.most = std::chrono::hours(24)};

void gate_options::add_to(CLI::App& command) {
    command
        .add_option(
            "--backend", backends,
            "An FTP server behind; repeatable. ftp:// plain, ftpes:// explicit TLS, ftps:// implicit TLS. "
            "Terms: ?tls=match for TLS to ftp:// exactly when the client uses it, &weight=N for its share, "
            "&max-sessions=N, &state=drain or maintenance for no new sessions, &priority=N (a larger one only where no "
            "smaller one has room), &users=NAME,... and &hosts=NAME,... for these users, or hosts asked for by HOST or "
            "TLS, alone ('*' stands for anything), &resolve=a or srv for all servers that the name has addresses or SRV "
            "records "
            "(_ftp._tcp.NAME) of, "
            "&direct=passive, active or both for data straight between client and server where they are plain, "
            "&outside=ADDR for the server's outside address where its own 227 doesn't name it, "
            "&mirror=A-B to let its TLS pass unread and lead these ports to the same ones there, "
            "&proxy=v1 or v2 to tell it the client's address by a PROXY header, &proxy-data=yes on data connections "
            "too")
        ->type_name("ftp://HOST[:PORT][?TERMS]")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command
        .add_option("--backends-file", backends_file,
                    "More of them, one a line with its terms; '#' begins a remark. A changed file is read at once")
        ->type_name("FILE");
    add_time(command, "--resolve-interval", resolve_interval, "Between two look-ups of a backend with ?resolve", a_day);
    command.add_option("--dns-server", dns_server, "Whom these look-ups ask (default: as the system does)")
        ->type_name("ADDR[:PORT]");
    command
        .add_option("--balance", balance,
                    "How sessions are spread, by weight: least-sessions, round-robin, least-response (time, "
                    "by sessions), client-address or user (a client's address, or a user's name, keeps its server)")
        ->type_name("POLICY")
        ->capture_default_str();
    add_time(command, "--backend-timeout", connect,
             "A backend that has not greeted by then is skipped for the next; a number without a unit is in milliseconds",
             {.least = std::chrono::milliseconds(1), .most = std::chrono::hours(1), .in_milliseconds = true});
    add_time(command, "--backend-answer", answer,
             "A backend that answers nothing for so long during a login is given up: for the next, where no password "
             "has been said to it, else the client gets 421",
             an_hour);
    command
        .add_option(
            "--check", check,
            "How far a health check goes: off, tcp, greeting, tls, login or list (a listing over a data "
            "connection). auto: greeting where there are several backends, else a single look at the start, for the log")
        ->type_name("STAGE")
        ->capture_default_str();
    add_time(command, "--check-interval", check_interval, "Between two checks of a backend", an_hour);
    command
        .add_option(
            "--dial", dial,
            "When a session connects to its backend: connect (at once, so that clients get their server's own greeting "
            "and features) or login (at USER, so that connections without a login cost the backend nothing)")
        ->type_name("WHEN")
        ->capture_default_str();
    command
        .add_option("--check-user", check_user,
                    "Who logs in for the checks login and list; @FILE as PASSWORD is the first line of a file")
        ->type_name("NAME:PASSWORD");
    add_count(command, "--fall", fall, "After so many failures in a row, of checks or sessions, a backend is down",
              {.most = 1000});
    add_count(command, "--rise", rise, "After so many successes in a row it is up again", {.most = 1000});
    command
        .add_option(
            "--when-all-down", when_all_down,
            "refuse: clients hear 421 at once while checks find every backend down; try: they are tried all the same")
        ->type_name("WHAT")
        ->capture_default_str();
    add_time(command, "--backend-rest", rest,
             "Without checks: how long a backend that failed is tried last before a session asks it again; off: not at all",
             {.most = std::chrono::hours(24), .off = true});
    add_time(command, "--slow-start", slow_start,
             "A backend that came back reaches its whole share after this; off: at once",
             {.most = std::chrono::hours(24), .off = true});
    add_time(command, "--queue-wait", queue_wait,
             "Where all backends have their most sessions, a client waits so long for room; off: 421 at once",
             {.most = std::chrono::hours(1), .off = true});
    command
        .add_option(
            "--backend-data", backend_data,
            "How data connections to the backends are made, whatever the client does: passive (the gateway connects), "
            "active (the backend does, to a port of --passive-ports), as-client, or exactly one of epsv, pasv, eprt, "
            "port. Where one is refused its sibling is tried, and passive after active")
        ->type_name("METHOD")
        ->capture_default_str();
    command
        .add_option(
            "--data-path", data_path,
            "relay: data pass through this process. kernel: where nothing has to look at them (no TLS on them, passive "
            "on both sides or active on both, no rates, no PROXY headers, not on a single port) the kernel's NAT leads "
            "them between client and server; needs root or CAP_NET_ADMIN, and ip_forward for servers on other "
            "machines. All others are relayed")
        ->type_name("relay|kernel")
        ->capture_default_str();
    command.add_option("--backend-ca", backend_ca, "Certificates that sign the backends' (default: the system's)")
        ->type_name("FILE");
    command
        .add_option("--backend-cert", backend_certificate, "The gateway's own certificate, for backends that ask for one")
        ->type_name("FILE");
    command.add_option("--backend-key", backend_key, "Its private key (default: in the certificate's file)")
        ->type_name("FILE");
    command.add_flag("--backend-insecure", backend_insecure, "Do not verify the backends' certificates");
    permitted.add_to(command);
    front.add_to(command);
    front.operation.add_control_to(command);
    front.operation.add_replacement_to(command);
    command.footer(
        "Examples:\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://10.0.0.5 --passive-ports 30000-30099 --external-address "
        "203.0.113.7\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://10.0.0.5 --backend ftp://10.0.0.6 --backend ftp://10.0.0.7\n"
        "  sallyport gate --listen 0.0.0.0:21 --balance client-address --backend 'ftp://10.0.0.5?weight=3&max-sessions=200' "
        "--backend 'ftp://10.0.0.6?state=drain'\n"
        "  sallyport gate --listen-tls 0.0.0.0:990 --tls-cert cert.pem --backend ftp://camera.lan\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://mainframe.lan --backend-data port\n"
        "SIGHUP and 'sallyport gate reload' read the --config file anew: backends join, others leave when their sessions "
        "have "
        "ended.\n"
        "Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong options or configuration.\n" +
        option_types_help());
}

result<std::vector<gate::backend>> gate_options::parse_backends() const {
    if (backends.empty() && backends_file.empty())
        return fail(errc::usage, "--backend: no FTP server is named; add --backend ftp://HOST[:PORT]");
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
            return fail(errc::usage, fmt::format("--dns-server {}: give ADDRESS or ADDRESS:PORT", dns_server));
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
    const auto* const policy = std::ranges::find(policies, balance, &decltype(policies)::value_type::first);
    if (policy == policies.end()) {
        return fail(errc::usage, fmt::format("--balance {}: give least-sessions, round-robin, least-response, "
                                             "client-address or user",
                                             balance));
    }
    if (auto filled = fill_checks(out); !filled) return std::unexpected(filled.error());
    out.spread.policy = policy->second;
    out.spread.rest = rest;
    out.spread.slow_start = slow_start;
    out.queue_wait = queue_wait;
    const auto data = proto::parse_backend_data(backend_data);
    if (!data) {
        return fail(errc::usage, fmt::format("--backend-data {}: give passive, active, as-client, epsv, pasv, eprt or port",
                                             backend_data));
    }
    out.backend_data = *data;
    if (data_path != "relay" && data_path != "kernel")
        return fail(errc::usage, fmt::format("--data-path {}: give relay or kernel", data_path));
    out.kernel_data = data_path == "kernel";
    if (dial != "connect" && dial != "login")
        return fail(errc::usage, fmt::format("--dial {}: give connect or login", dial));
    out.dial_at_login = dial == "login";
    out.backend_connect = connect;
    out.backend_answer = answer;
    return out;
}

result<void> gate_options::fill_checks(gate::settings& out) const {
    const auto* const stage = std::ranges::find(check_stages, check, [](gate::check_stage s) { return gate::name(s); });
    const bool several = out.backends.size() > 1 || !out.backends_file.empty() ||
                         std::ranges::any_of(out.backends, &gate::backend::is_looked_up);
    if (check == "auto")
        out.spread.check = several ? gate::check_stage::greeting : gate::check_stage::off;
    else if (stage != check_stages.end())
        out.spread.check = *stage;
    else
        return fail(errc::usage, fmt::format("--check {}: give auto, off, tcp, greeting, tls, login or list", check));
    if (out.spread.check >= gate::check_stage::login) {
        const auto colon = check_user.find(':');
        if (colon == std::string::npos || colon == 0)
            return fail(errc::usage, fmt::format("--check {} logs in: add --check-user NAME:PASSWORD", check));
        auto password = read_secret(std::string_view(check_user).substr(colon + 1));
        if (!password) return fail(errc::usage, fmt::format("--check-user: {}", password.error().what));
        out.checks.user = check_user.substr(0, colon);
        out.checks.password = std::move(*password);
    }
    out.look_at_start = check == "auto";
    out.checks.interval = check_interval;
    out.spread.fall = fall;
    out.spread.rise = rise;
    if (when_all_down != "refuse" && when_all_down != "try")
        return fail(errc::usage, fmt::format("--when-all-down {}: give refuse or try", when_all_down));
    out.spread.when_all_down = when_all_down == "try" ? gate::all_down::try_anyway : gate::all_down::refuse;
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
    return fmt::format("Good: {} backends\n{}", settings.backends.size(),
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
    CLI::App* command =
        app.add_subcommand("gate", "Lead FTP sessions and their data through NAT and firewalls to servers behind");
    options->add_to(*command);
    const auto check = [command] { return checked(*command); };
    add_admin_commands({.command = *command, .options = options->front, .settings = check}, exit_code);
    command->callback([options, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run(*command, *options);
    });
}

}  // namespace sallyport::cli
