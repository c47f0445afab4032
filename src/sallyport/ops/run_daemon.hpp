#pragma once
// Runs a server or a gateway as a daemon, from its start to its end: control socket, signals, reload, and graceful restart,
// as the old process and as the new one (G6).
//
// What a daemon needs of the command that runs it is here, as an interface: commands and their options are not known.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/ops/control.hpp>
#include <sallyport/ops/handover.hpp>
#include <sallyport/ops/reload.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::ops {

struct daemon_plan {
    std::string name;       // "sallyport gate"
    std::size_t loops = 0;  // 0: as many as there are processors
    std::chrono::milliseconds stop_timeout{};
    std::chrono::seconds drain_timeout{};
    control_socket_location control{};
};

/// The command that runs a daemon. Owned by it; it outlives run_daemon().
class service_source {
public:
    service_source() = default;
    service_source(const service_source&) = delete;
    service_source& operator=(const service_source&) = delete;
    virtual ~service_source() = default;

    /// The settings that the command was started with; nothing is to be applied.
    [[nodiscard]] virtual loaded_settings first_settings() const = 0;
    /// Makes the service from them. Once.
    [[nodiscard]] virtual std::unique_ptr<frontend::service> make_service(net::loop_group& loops,
                                                                          status::counters& counters) = 0;
    /// The service listens there. Once, before the loops run.
    virtual void on_start(const std::vector<endpoint>& listening) = 0;
    /// The settings as they are now, to be applied to that service. On the daemon's disk thread; one at a time.
    [[nodiscard]] virtual result<loaded_settings> load_settings() = 0;
};

/// `handover`: from receive_handover(). Returns the exit code: see daemon::run() and report_start_failure().
[[nodiscard]] int run_daemon(const daemon_plan& plan, service_source& source, handover_state handover);

}  // namespace sallyport::ops
