// sallyport gate: the gateway in front of FTP servers.

#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/cli/front_options.hpp>
#include <sallyport/gate/gate.hpp>

namespace sallyport::cli {
namespace {

constexpr auto name = "sallyport gate";

struct gate_options {
    front_options front;
    std::vector<std::string> backends;
    std::string balance = "least-sessions";
    std::string backend_ca;
    bool backend_insecure = false;
    std::size_t connect_milliseconds = 3000;
    std::size_t rest_seconds = 10;

    void add_to(CLI::App& command);
    [[nodiscard]] result<gate::settings> settings() const;
};

void gate_options::add_to(CLI::App& command) {
    command
        .add_option("--backend", backends,
                    "An FTP server behind; repeatable. ftp:// plain, ftpes:// explicit TLS, ftps:// implicit TLS")
        ->type_name("ftp://HOST[:PORT]")
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command.add_option("--balance", balance, "How sessions are spread: least-sessions, round-robin or client-address")
        ->type_name("POLICY")
        ->capture_default_str();
    command
        .add_option("--backend-timeout", connect_milliseconds,
                    "A backend that has not greeted by then is skipped for the next")
        ->type_name("MILLISECONDS")
        ->capture_default_str();
    command.add_option("--backend-rest", rest_seconds, "How long a backend that failed is tried last")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--backend-ca", backend_ca, "Certificates that sign the backends' (default: the system's)")
        ->type_name("FILE");
    command.add_flag("--backend-insecure", backend_insecure, "Do not verify the backends' certificates");
    front.add_to(command);
    command.footer(
        "Examples:\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://10.0.0.5 --passive-ports 50000-50099 --external-address "
        "203.0.113.7\n"
        "  sallyport gate --listen 0.0.0.0:21 --backend ftp://10.0.0.5 --backend ftp://10.0.0.6 --backend ftp://10.0.0.7\n"
        "  sallyport gate --listen-tls 0.0.0.0:990 --tls-cert cert.pem --backend ftp://camera.lan\n"
        "Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong options or configuration.");
}

result<gate::settings> gate_options::settings() const {
    gate::settings out;
    if (auto filled = front.fill(out); !filled) return std::unexpected(filled.error());
    if (backends.empty()) return fail(errc::misuse, "no server behind: add --backend ftp://HOST[:PORT]");
    bool needs_tls = false;
    for (const auto& text : backends) {
        auto parsed = gate::backend::parse(text);
        if (!parsed) return std::unexpected(parsed.error());
        needs_tls = needs_tls || parsed->tls != gate::backend_tls::none;
        out.backends.push_back(std::move(*parsed));
    }
    if (needs_tls) {
        auto context = net::tls_client_context::make({.verify = !backend_insecure, .ca_file = backend_ca});
        if (!context) return std::unexpected(context.error());
        out.backend_tls = std::move(*context);
    }
    if (balance == "least-sessions")
        out.policy = gate::balance::least_sessions;
    else if (balance == "round-robin")
        out.policy = gate::balance::round_robin;
    else if (balance == "client-address")
        out.policy = gate::balance::client_address;
    else
        return fail(errc::syntax, fmt::format("--balance {}: give least-sessions, round-robin or client-address", balance));
    out.backend_connect = std::chrono::milliseconds(connect_milliseconds);
    out.backend_rest = std::chrono::seconds(rest_seconds);
    return out;
}

int run(CLI::App& command, const gate_options& options) {
    if (auto ready = prepare(command, options.front); !ready) return report_start_failure(name, ready.error());
    auto settings = options.settings();
    if (!settings) return report_start_failure(name, settings.error());
    daemon host(name, options.front.loops);
    host.follow(settings->tls);
    status::counters counters;
    gate::gate service(host.loops(), std::move(*settings), counters);
    if (auto started = service.start(); !started) return report_start_failure(name, started.error());
    host.add([&service](auto grace, auto done) { service.stop(grace, std::move(done)); });
    return host.run(service.endpoints());
}

}  // namespace

void add_gate_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<gate_options>();
    CLI::App* command =
        app.add_subcommand("gate", "Lead FTP sessions and their data through NAT and firewalls to servers behind");
    options->add_to(*command);
    command->callback([options, command, &exit_code] { exit_code = run(*command, *options); });
}

}  // namespace sallyport::cli
