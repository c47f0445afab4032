#include <sallyport/cli/command_service.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/helper_process.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/ops/helper_confinement.hpp>

namespace sallyport::cli {
namespace {

/// Options of the process, which a reload cannot change.
constexpr auto fixed_options = std::to_array<std::string_view>({"listen",
                                                                "listen-tls",
                                                                "passive-ports",
                                                                "external-ports",
                                                                "use-alg-ports",
                                                                "map",
                                                                "map-interface",
                                                                "map-lease",
                                                                "map-max-ports",
                                                                "stun",
                                                                "single-port",
                                                                "proxy-protocol-from",
                                                                "proxy-protocol-data",
                                                                "threads",
                                                                "log",
                                                                "log-format",
                                                                "log-level",
                                                                "control-socket",
                                                                "status-socket",
                                                                "metrics",
                                                                "page",
                                                                "drain-timeout",
                                                                "stop-timeout",
                                                                "watchdog",
                                                                "run-as",
                                                                "unsafe-root",
                                                                "users",
                                                                "pam",
                                                                "renew-hashes",
                                                                "sandbox",
                                                                "intercept",
                                                                "server-sees",
                                                                "when-down",
                                                                "mark",
                                                                "route-table"});
constexpr auto secret_options = std::to_array<std::string_view>({"health-check-user", "user", "reader", "accounts"});
/// Changes of backends are reported one by one instead.
constexpr auto unlisted_options = std::to_array<std::string_view>({"backend", "config", "homes"});

[[nodiscard]] bool is_among(const auto& list, std::string_view name) { return std::ranges::find(list, name) != list.end(); }

[[nodiscard]] ops::setting_kind kind_of(std::string_view name) {
    if (is_among(fixed_options, name)) return ops::setting_kind::fixed;
    if (is_among(secret_options, name)) return ops::setting_kind::secret;
    return is_among(unlisted_options, name) ? ops::setting_kind::unlisted : ops::setting_kind::normal;
}

/// The values of all options whose names start with one of these.
[[nodiscard]] std::string source_of(const option_values& given, std::initializer_list<std::string_view> beginnings) {
    std::string out;
    for (const auto& [name, values] : given) {
        const auto begins = [&name](std::string_view beginning) { return name.starts_with(beginning); };
        if (std::ranges::any_of(beginnings, begins)) out += fmt::format("{}={}\n", name, fmt::join(values, "\n"));
    }
    return out;
}

}  // namespace

result<config_locations> prepare(CLI::App& command, const daemon_options& options, account_sections* accounts) {
    config_locations locations;
    if (!options.config.empty()) {
        auto applied = apply_config_file(command, options.config, unknown_keys::refuse, accounts);
        if (!applied) return applied;
        locations = std::move(*applied);
    }
    if (const auto good = check_values(command); !good) return std::unexpected(good.error());
    return locations;
}

result<void> open_log(const daemon_options& options) {
    if (const auto opened = log::open(options.log_target, options.log_level, options.log_format); !opened)
        return fail(errc::io, fmt::format("--log {}: {}", options.log_target, opened.error().what));
    return {};
}

result<std::shared_ptr<helper::client>> start_helper(const daemon_options& options, const confinement_needs& needs) {
    helper::permissions allowed{.program = helper::program_path()};
    for (const auto& at : options.listeners()) allowed.control_ports.push_back(at.port);
    const auto data = options.data_connections.settings().value_or(reach::passive_settings());
    for (const auto& ports : {data.ports.range, port_range{data.single.port, data.single.port}})
        if (ports.first != 0) allowed.data_ports.push_back(ports);
    allowed.data_ports.insert(allowed.data_ports.end(), needs.ports.begin(), needs.ports.end());
    allowed.files = options.files();
    for (const auto& path : needs.files_to_read)
        if (!path.empty()) allowed.files.push_back({path});
    allowed.openings = needs.kernel_forwarding;
    allowed.interception = needs.interception;
    std::function<void()> confine;
    if (options.confinement.sandbox != ops::sandbox_mode::off) confine = [allowed] { ops::confine_helper(allowed); };
    auto started = helper::client::start(std::move(allowed), std::move(confine));
    if (!started) return std::unexpected(std::move(started).error());
    std::shared_ptr<helper::client> out = std::move(*started);
    use_helper_process(out);
    return out;
}

result<ops::daemon_plan> plan_of(const std::string& kind, const daemon_options& options) {
    const auto& named = options.logging_and_control.control_socket.path;
    auto page = options.logging_and_control.page_password();
    if (!page) return std::unexpected(std::move(page).error());
    ops::control_socket_location control{
        .place = options.logging_and_control.control_place(kind), .required = !named.empty(), .reason_absent = {}};
    if (named.empty()) control.reason_absent = "XDG_RUNTIME_DIR is not set; name a place with --control-socket";
    return ops::daemon_plan{.name = fmt::format("sallyport {}", kind),
                            .loops = options.threads,
                            .stop_timeout = options.stop_timeout,
                            .drain_timeout = options.logging_and_control.drain_timeout,
                            .control = std::move(control),
                            .status_socket = options.logging_and_control.status_place(),
                            .watchdog = options.logging_and_control.watchdog,
                            .metrics = options.logging_and_control.metrics_place(),
                            .page = std::move(*page)};
}

namespace {

[[nodiscard]] bool is_at_or_below(const std::string& path, const std::string& directory) {
    if (!path.starts_with(directory)) return false;
    return path.size() == directory.size() || directory.ends_with('/') || path[directory.size()] == '/';
}

/// The kernel refuses this process all directories that were not named at its start.
[[nodiscard]] result<void> check_homes(const option_values& at_start, const option_values& fresh) {
    if (const auto sandbox = at_start.find("sandbox"); sandbox != at_start.end() && sandbox->second.front() == "off")
        return {};
    const auto found = fresh.find("homes");
    if (found == fresh.end()) return {};
    std::vector<std::string> permitted;
    for (const char* const key : {"homes", "DIR"})
        if (const auto known = at_start.find(key); known != at_start.end())
            permitted.insert(permitted.end(), known->second.begin(), known->second.end());
    for (const auto& home : found->second) {
        const auto contains = [&home](const std::string& directory) { return is_at_or_below(home, directory); };
        if (std::ranges::none_of(permitted, contains))
            return fail(errc::usage, fmt::format("home {}: this process gave up the right to use it at its start; use "
                                                 "'restart' instead of 'reload'",
                                                 escape(home, 300)));
    }
    return {};
}

}  // namespace

result<void> check_rights(const option_values& at_start, const option_values& fresh) {
    const auto forwards = [](const option_values& given) {
        const auto found = given.find("data-path");
        return found != given.end() && found->second == std::vector<std::string>{"kernel"};
    };
    if (forwards(fresh) && !forwards(at_start))
        return fail(errc::usage,
                    "--data-path kernel: this process gave up the right to change the kernel's tables at its start; use "
                    "'restart' instead of 'reload'");
    return check_homes(at_start, fresh);
}

ops::loaded_settings describe(const option_values& given, const frontend::service_settings& settings) {
    ops::loaded_settings out{.given = {}, .tls = settings.tls};
    for (const auto& [name, values] : given) out.given[name] = {values, kind_of(name)};
    out.tls_source = source_of(given, {"tls-", "client-c"});
    out.transfer_log = settings.transfer_log;
    out.transfer_log_source = source_of(given, {"transfer-log"});
    return out;
}

}  // namespace sallyport::cli
