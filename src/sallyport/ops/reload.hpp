#pragma once
// New settings for a daemon that runs: read and checked away from the loops, then applied in one step, or not at all.
//
// On the first loop, with the daemon's control commands and signals; the daemon must outlive it.

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
    secret,   // its values are not shown
    fixed,    // belongs to the process and not to its sessions: a change takes effect after a restart
    unlisted  // a change is not reported by its values: the service says itself what has changed, or nobody needs to know
};

/// What was given for one setting, by its name.
struct setting {
    std::vector<std::string> values;
    setting_kind kind = setting_kind::normal;
    friend bool operator==(const setting&, const setting&) = default;
};
using setting_list = std::map<std::string, setting, std::less<>>;

/// Settings as they are given now, and how to apply them.
struct loaded_settings {
    setting_list given;
    std::optional<net::tls_server_context> tls;
    std::string
        tls_source{};  // what it was made from; the same text: the present context is kept, with its files' new content
    std::shared_ptr<status::transfer_log> transfer_log{};
    std::string transfer_log_source{};  // likewise
    /// Applies the settings with this certificate and this log, those above or the present ones. A line for each change that
    /// the given values don't show.
    std::move_only_function<result<std::vector<std::string>>(std::optional<net::tls_server_context>,
                                                             std::shared_ptr<status::transfer_log>)>
        apply{};
};

/// How settings are applied to a service that takes them by renew().
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
    /// `load` runs on the daemon's disk thread. `first`: what the daemon was started with.
    reloader(daemon& host, loaded_settings first, std::function<result<loaded_settings>()> load);

    /// For the control socket: the answer lists what has changed, and what takes effect after a restart.
    [[nodiscard]] net::task<result<std::string>> reload();
    /// For SIGHUP: the same goes to the log. A signal during another reload starts one after it: what that one has read may
    /// be older.
    void reload_by_signal();

private:
    [[nodiscard]] net::task<result<std::vector<std::string>>> run();
    static net::task<> log_outcome(reloader* self);
    void preserve_unchanged(loaded_settings& fresh) const;

    daemon& host_;
    std::function<result<loaded_settings>()> load_;
    loaded_settings current_;
    bool running_ = false;
    bool pending_ = false;  // another one after it
};

}  // namespace sallyport::ops
