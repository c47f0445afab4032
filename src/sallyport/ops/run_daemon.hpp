#pragma once
// Runs a server or a gateway as a daemon, from its start to its exit: control socket, signals, reload, and graceful restart,
// as the old process and as the new one (G6).
//
// The command is accessed through an interface, so commands and their options are not known here.
//
// Called on the main thread, which runs the first loop; everything that it creates lives until it returns.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/helper/client.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/ops/confinement.hpp>
#include <sallyport/ops/control.hpp>
#include <sallyport/ops/handover.hpp>
#include <sallyport/ops/metrics_server.hpp>
#include <sallyport/ops/page_access.hpp>
#include <sallyport/ops/reload.hpp>
#include <sallyport/ops/watchdog.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::ops {

struct daemon_plan {
    // For example "sallyport gate".
    std::string name;
    // 0: one per CPU core.
    std::size_t loops = 0;
    std::chrono::milliseconds stop_timeout{};
    std::chrono::seconds drain_timeout{};
    control_socket_location control{};
    // A read-only socket; without a path, none.
    socket_place status_socket{};
    watchdog_mode watchdog = watchdog_mode::log;
    // Where metrics and health are served over HTTP.
    std::optional<metrics_place> metrics{};
    // The check of the page's password; an empty function: it has none. Nothing: there is no page.
    std::optional<password_check> page{};
    // Nothing: the process keeps its rights.
    std::optional<prepared_confinement> confinement{};
};

/// The command that runs a daemon. Owned by the command; it must outlive run_daemon().
class service_source {
public:
    service_source() = default;
    service_source(const service_source&) = delete;
    service_source& operator=(const service_source&) = delete;
    virtual ~service_source() = default;

    /// The settings that the command was started with; they are not applied.
    [[nodiscard]] virtual loaded_settings first_settings() const = 0;
    /// Creates the service with these settings. Called once.
    [[nodiscard]] virtual std::unique_ptr<frontend::service> make_service(net::loop_group& loops,
                                                                          status::counters& counters) = 0;
    /// Called once with the endpoints that the service listens on, before the loops run.
    virtual void on_start(const std::vector<endpoint>& listening) = 0;
    /// Reads the present settings, to be applied to that service. Called on the daemon's disk thread, one call at a time.
    [[nodiscard]] virtual result<loaded_settings> load_settings() = 0;
};

/// `handover`: the result of receive_handover(). `rights`: the helper, which must outlive the call. Returns the exit code:
/// see daemon::run() and report_start_failure().
[[nodiscard]] int run_daemon(const daemon_plan& plan, service_source& source, handover_state handover,
                             helper::client& rights);

}  // namespace sallyport::ops
