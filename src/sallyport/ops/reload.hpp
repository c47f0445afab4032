#pragma once
// Reloads the settings of a running daemon: reads and checks them on the disk thread, then applies all of them or none.
//
// Used on the first loop, by control commands and signals. The daemon must outlive it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/status/transfer_log.hpp>

namespace sallyport::ops {

enum class setting_kind : std::uint8_t {
    normal,
    // Its values are not displayed.
    secret,
    // Belongs to the process and not to its sessions: a change takes effect after a restart.
    fixed,
    // A change is not reported by its values: the service reports it, or it needs no report.
    unlisted
};

/// The values configured for one setting.
struct setting {
    std::vector<std::string> values;
    setting_kind kind = setting_kind::normal;
    friend bool operator==(const setting&, const setting&) = default;
};
using setting_list = std::map<std::string, setting, std::less<>>;

/// The settings as configured at present, and how to apply them.
struct loaded_settings {
    setting_list given;
    std::optional<net::tls_server_context> tls;
    // The options that `tls` was made from. If they have not changed, the present context is kept and rereads its files.
    std::string tls_source{};
    std::shared_ptr<status::transfer_log> transfer_log{};
    // The options that `transfer_log` was made from. If they have not changed, the open log is kept.
    std::string transfer_log_source{};
    /// Applies the settings with this TLS context and this transfer log, which are those above or the present ones. Returns
    /// a line for each change that the values do not show.
    std::move_only_function<result<std::vector<std::string>>(std::optional<net::tls_server_context>,
                                                             std::shared_ptr<status::transfer_log>)>
        apply{};
};

/// Returns a function that applies settings to a service with its reload().
template <class Service, class Settings>
[[nodiscard]] auto apply_to(Service& service, Settings settings) {
    return [&service, settings = std::move(settings)](auto tls, auto transfer_log) mutable {
        settings.tls = std::move(tls);
        settings.transfer_log = std::move(transfer_log);
        return service.reload(std::move(settings));
    };
}

class reloader {
public:
    /// `load` runs on the daemon's disk thread. `first`: the settings that the daemon was started with.
    reloader(daemon& host, loaded_settings first, std::function<result<loaded_settings>()> load);

    /// For the control socket: the answer lists the changes, and those that take effect after a restart.
    [[nodiscard]] net::task<result<std::string>> reload();
    /// For SIGHUP: the result goes to the log. A signal during a reload starts another one after it, since the first may
    /// have read older files.
    void reload_by_signal();

private:
    [[nodiscard]] net::task<result<std::vector<std::string>>> run();
    static net::task<> log_outcome(reloader* self);
    void preserve_unchanged(loaded_settings& fresh) const;

    daemon& host_;
    std::function<result<loaded_settings>()> load_;
    loaded_settings current_;
    bool running_ = false;
    // Another reload follows the present one.
    bool pending_ = false;
};

}  // namespace sallyport::ops
