#pragma once
// The FTP/FTPS server: listeners on every loop, a session driver per connection, users, transfers.
//
// Owned by the command that runs it. start() on the thread that will run the loops, before they run; stop() on the first
// loop. The loops, and what the settings refer to, must outlive it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/front/front.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/reach/client_condition.hpp>
#include <sallyport/reach/passive.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/transfer_log.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

struct settings {
    std::vector<endpoint> listen;
    std::vector<endpoint> listen_implicit;  // implicit TLS (990)
    std::shared_ptr<vfs::filesystem> files;
    std::vector<user> users;
    bool anonymous = false;                            // read only
    std::shared_ptr<vfs::filesystem> anonymous_files;  // what anonymous sees instead of `files`; may be empty
    std::string greeting = "Sallyport ready.";

    std::optional<net::tls_server_context> tls;
    bool tls_required = false;
    net::tls_reuse reuse = net::tls_reuse::prefer;  // required: 522 to data connections that don't resume (TLS-04)
    bool ccc = false;

    reach::passive_settings inbound;                            // passive data connections
    std::vector<reach::client_condition> missing_close_notify;  // whose uploads may end without TLS's close_notify
    bool passive = true;
    bool active = true;
    bool active_from_low_port = true;  // from control port - 1 where the system lets us (S1)

    net::keepalive keepalive{limits::keepalive_idle, limits::keepalive_interval, limits::keepalive_count};
    std::chrono::seconds idle = limits::idle;
    std::chrono::seconds login = limits::login;
    std::chrono::seconds data_connect = limits::data_connect;
    std::chrono::seconds data_stall = limits::data_stall;
    std::uint64_t stall_rate = limits::stall_rate;  // bytes a second over data_stall; 0: any byte counts
    front::admission_rules admit;
    std::shared_ptr<status::transfer_log> transfers;  // gets a record of each; may be empty
};

class server {
public:
    server(net::loop_group& loops, settings s, status::counters& counters);
    ~server();

    /// Binds every listener on every loop and reports what it found odd (S2). An error names the address and the cause.
    [[nodiscard]] result<void> start();
    // Succession: see front::front. Before start(); and on the first loop.
    void inherit(std::vector<unique_fd> sockets);
    [[nodiscard]] std::vector<int> sockets() const;
    void leave(std::move_only_function<void()> gone);
    /// Any thread: whether predecessor and successor have the passive ports together.
    void share_ports(bool with_another);
    /// On the first loop: sessions that come from now on work by these settings, those that run keep theirs. Where it
    /// listens and its passive ports stay as they were at the start, and so does who is believed as a balancer.
    [[nodiscard]] result<std::vector<std::string>> renew(settings s);
    /// The addresses that are listened on, with real port numbers.
    [[nodiscard]] std::vector<endpoint> endpoints() const;
    net::task<status::session_survey> survey(net::loop& here) const;
    /// For whoever administers the sessions that run.
    [[nodiscard]] front::front& sessions() noexcept;

    /// Stops accepting, tells idle sessions 421, lets transfers run until `grace` is over, then calls `done` on the first
    /// loop. Once.
    void stop(std::chrono::milliseconds grace, front::stopped done);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::server
