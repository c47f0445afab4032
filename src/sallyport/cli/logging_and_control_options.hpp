#pragma once
// Options for the operation of a daemon: transfer log, control socket, drain timeout. A value that daemon_options owns;
// used on its threads.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/ops/metrics_server.hpp>
#include <sallyport/ops/page_access.hpp>
#include <sallyport/ops/unix_listener.hpp>
#include <sallyport/ops/watchdog.hpp>
#include <sallyport/status/transfer_log.hpp>

namespace sallyport::cli {

struct logging_and_control_options {
    std::string transfer_log;
    status::record_format transfer_log_format = status::record_format::text;
    /// An empty path: the default one; "none": no socket.
    ops::socket_place control_socket;
    /// An empty path, or "none": no socket.
    ops::socket_place status_socket;
    std::optional<ops::metrics_place> metrics;
    /// The file with the hash of the page's password, or "no-password"; empty: no page.
    std::string page;
    std::chrono::seconds drain_timeout = limits::drain_timeout;
    ops::watchdog_mode watchdog = ops::watchdog_mode::log;

    void add_to(command_table& table);
    /// For daemons with a control socket.
    void add_control_to(command_table& table);
    /// For daemons with graceful restart.
    void add_restart_to(command_table& table);
    /// For daemons of one service, whose sessions have unique numbers.
    void add_watchdog_to(command_table& table);

    /// The control socket of a daemon of this kind ("gate"); with an empty path if there is none.
    [[nodiscard]] ops::socket_place control_place(std::string_view kind) const;
    /// The read-only socket; with an empty path if there is none.
    [[nodiscard]] ops::socket_place status_place() const;
    /// The TCP port of metrics and page; 0: none, or one that the system chooses.
    [[nodiscard]] std::uint16_t metrics_port() const;
    /// Where metrics and the page are served; nothing if neither is.
    [[nodiscard]] std::optional<ops::metrics_place> metrics_place() const;
    /// The check of the page's password, empty without one; nothing if there is no page. Reads the file. Errors name the
    /// option.
    [[nodiscard]] result<std::optional<ops::password_check>> page_password() const;
    /// The file with the hash; empty if there is none.
    [[nodiscard]] std::string page_file() const;
    /// The paths of the other Unix sockets.
    [[nodiscard]] std::vector<std::string> other_sockets() const;
    /// Null if no file was named.
    [[nodiscard]] result<std::shared_ptr<status::transfer_log>> open_transfer_log() const;
};

}  // namespace sallyport::cli
