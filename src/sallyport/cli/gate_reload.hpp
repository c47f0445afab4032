#pragma once
// New settings for a gateway that runs: read and checked away from the loops, then put to use in one step, or not at all.
//
// On the first loop, where the daemon's control commands and signals are.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/gate/gate.hpp>

namespace sallyport::cli {

/// Options as they are given now, and what they come to.
struct gate_reading {
    option_values given;
    gate::settings settings;
};

class gate_reloader {
public:
    /// `read` runs on the daemon's disk thread. `first`: what the gateway was started with.
    gate_reloader(daemon& host, gate::gate& service, gate_reading first, std::function<result<gate_reading>()> read);

    /// For the control socket: the answer lists what has changed, and what waits for a restart.
    [[nodiscard]] net::task<result<std::string>> reload();
    /// For SIGHUP: the same goes to the log.
    void reload_by_signal();

private:
    [[nodiscard]] net::task<result<std::vector<std::string>>> run();
    static net::task<> log_outcome(gate_reloader* self);
    void keep_what_stays(gate_reading& fresh);

    daemon& host_;
    gate::gate& service_;
    std::function<result<gate_reading>()> read_;
    option_values in_use_;
    std::optional<net::tls_server_context> tls_;
    std::shared_ptr<status::transfer_log> transfers_;
    bool running_ = false;
};

}  // namespace sallyport::cli
