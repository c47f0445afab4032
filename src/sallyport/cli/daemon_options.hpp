#pragma once
// Options that every daemon has: listeners, certificates, passive ports, timeouts, limits, log. A value that its command
// owns; used on the main thread, and on the control thread at a reload.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/confinement_options.hpp>
#include <sallyport/cli/data_connection_options.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/logging_and_control_options.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/start_report.hpp>
#include <sallyport/frontend/admission.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/helper/service.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::cli {

/// For the end of a daemon's help.
inline constexpr auto daemon_exit_codes =
    "\nExit codes: 0 stopped by a signal, 1 failed to start, 2 invalid options or configuration.";

struct daemon_options {
    std::vector<std::string> listen;
    std::vector<std::string> listen_tls;
    /// --intercept of a gateway, which may be without a listener then.
    std::vector<std::string> intercept;
    std::vector<std::string> tls_certificates;
    std::vector<std::string> tls_keys;
    bool tls_required = false;
    /// TLS is requested, but another program or the caller provides the certificate.
    bool tls_passthrough = false;
    net::tls_reuse tls_reuse = net::tls_reuse::prefer;
    std::string client_ca;
    bool client_certificate_required = false;
    bool site_doctor = false;
    data_connection_options data_connections;
    std::chrono::seconds idle = limits::idle_timeout;
    std::chrono::seconds login = limits::login_timeout;
    std::chrono::seconds data_connect = limits::data_timeout;
    std::chrono::seconds data_stall = limits::stall_timeout;
    std::uint64_t stall_rate = limits::stall_rate;
    std::chrono::seconds stop_timeout = limits::stop_timeout;
    std::chrono::seconds keepalive_idle = limits::keepalive_idle;
    std::chrono::seconds keepalive_interval = limits::keepalive_interval;
    int keepalive_count = limits::keepalive_count;
    std::size_t max_sessions = 20000;
    std::optional<std::size_t> max_sessions_per_address;
    std::optional<std::size_t> max_sessions_before_login;
    double max_session_rate = 0;
    double max_session_rate_per_address = 0;
    bool no_login_penalties = false;
    unsigned max_account_guesses = 0;
    std::size_t threads = 0;
    std::string log_target = "-";
    log::level log_level = log::level::info;
    log::line_format log_format = log::line_format::text;
    std::string config;
    logging_and_control_options logging_and_control;
    confinement_options confinement;

    /// `command` is serve, gate or up, which differ in some defaults.
    void add_to(command_table& table, std::string_view command);
    /// Only the group about listeners and TLS, a part of the above.
    void add_listening_to(command_table& table, std::string_view command);

    /// The parsed values. Errors name the option.
    [[nodiscard]] result<std::vector<endpoint>> endpoints() const;
    [[nodiscard]] result<std::vector<endpoint>> implicit_endpoints() const;
    /// Both, as far as they are valid, for the rights of the process: they are checked where settings are made from them.
    [[nodiscard]] std::vector<endpoint> listeners() const;
    [[nodiscard]] result<std::optional<net::tls_server_context>> tls() const;
    [[nodiscard]] net::keepalive keepalive() const;
    [[nodiscard]] frontend::admission_rules admission() const noexcept;

    /// The input of the start report from these options; each daemon adds its own.
    [[nodiscard]] report_input subject(const config_locations& locations) const;

    /// Sets the settings that server and gateway share.
    [[nodiscard]] result<void> fill(frontend::service_settings& settings) const {
        auto plain = endpoints();
        if (!plain) return std::unexpected(plain.error());
        auto implicit = implicit_endpoints();
        if (!implicit) return std::unexpected(implicit.error());
        auto certificate = tls();
        if (!certificate) return std::unexpected(certificate.error());
        auto data_settings = data_connections.settings();
        if (!data_settings) return std::unexpected(data_settings.error());
        auto missing_close_notify = data_connections.missing_close_notify();
        if (!missing_close_notify) return std::unexpected(missing_close_notify.error());
        if (data_settings->single.is_enabled() && certificate->has_value() && tls_reuse == net::tls_reuse::off)
            return fail(errc::usage,
                        "--single-port identifies data connections by TLS session reuse; --tls-reuse off cannot be combined "
                        "with it");
        if (auto page = logging_and_control.page_password(); !page) return std::unexpected(page.error());
        auto transfers = logging_and_control.open_transfer_log();
        if (!transfers) return std::unexpected(with_option("--transfer-log", transfers.error()));
        settings.transfer_log = std::move(*transfers);
        settings.listen = std::move(*plain);
        settings.listen_implicit = std::move(*implicit);
        settings.tls = std::move(*certificate);
        settings.tls_required = tls_required;
        settings.tls_reuse = tls_reuse;
        settings.passive_data = std::move(*data_settings);
        settings.missing_close_notify = std::move(*missing_close_notify);
        settings.keepalive = keepalive();
        settings.idle_timeout = idle;
        settings.login_timeout = login;
        settings.data_timeout = data_connect;
        settings.stall_timeout = data_stall;
        settings.stall_rate = stall_rate;
        settings.admission = admission();
        settings.site_doctor = site_doctor;
        return {};
    }

    /// The files that these options name, for the helper process and for the sandbox.
    [[nodiscard]] std::vector<helper::permitted_file> files() const;

private:
    void add_limits_to(command_table& table);
};

}  // namespace sallyport::cli
