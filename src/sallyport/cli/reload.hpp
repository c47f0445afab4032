#pragma once
// New settings for a daemon that runs: read and checked away from the loops, then put to use in one step, or not at all.
//
// On the first loop, where the daemon's control commands and signals are.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/daemon.hpp>

namespace sallyport::cli {

/// Options as they are given now, and what they come to.
struct reading {
    option_values given;
    std::optional<net::tls_server_context> tls;
    std::shared_ptr<status::transfer_log> transfers;
    /// Puts the settings to use with this certificate and this log, those above or the ones in use. A line for each change
    /// that the options themselves don't tell.
    std::move_only_function<result<std::vector<std::string>>(std::optional<net::tls_server_context>,
                                                             std::shared_ptr<status::transfer_log>)>
        use;
};

/// A service's settings as a reading: `service` takes them by renew().
template <class Service, class Settings>
[[nodiscard]] reading reading_of(option_values given, Settings settings, Service& service) {
    reading out{.given = std::move(given), .tls = settings.tls, .transfers = settings.transfers, .use = {}};
    out.use = [&service, settings = std::move(settings)](auto tls, auto transfers) mutable {
        settings.tls = std::move(tls);
        settings.transfers = std::move(transfers);
        return service.renew(std::move(settings));
    };
    return out;
}

class reloader {
public:
    /// `read` runs on the daemon's disk thread. The others: what the daemon was started with.
    reloader(daemon& host, option_values given, std::optional<net::tls_server_context> tls,
             std::shared_ptr<status::transfer_log> transfers, std::function<result<reading>()> read);

    /// For the control socket: the answer lists what has changed, and what waits for a restart.
    [[nodiscard]] net::task<result<std::string>> reload();
    /// For SIGHUP: the same goes to the log. One that comes while another reload is at work begins after it: what that one
    /// has read may be older.
    void reload_by_signal();

private:
    [[nodiscard]] net::task<result<std::vector<std::string>>> run();
    static net::task<> log_outcome(reloader* self);
    void keep_what_stays(reading& fresh) const;

    daemon& host_;
    std::function<result<reading>()> read_;
    option_values in_use_;
    std::optional<net::tls_server_context> tls_;
    std::shared_ptr<status::transfer_log> transfers_;
    bool running_ = false;
    bool due_ = false;  // again
};

}  // namespace sallyport::cli
