#pragma once
// The gateway, reverse form: clients in front, one or more FTP servers (backends) behind (G1, G4, G5, G7).
//
// A full proxy of the control connection: every line is parsed, decided and written anew. Data connections are led to
// the session's own backend and accepted from the session's client only. Ownership, threads and lifetimes:
// frontend/service.hpp.

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
#include <sallyport/frontend/service.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/proxy_header.hpp>
#include <sallyport/proto/relay_methods.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::gate {

/// ftp://, ftpes://, ftps://; ftp://...?tls=match: as the session's client has it.
enum class backend_tls : std::uint8_t { none, explicit_, implicit, match };

/// Drain and maintenance take no new sessions and let running ones end.
enum class backend_state : std::uint8_t { active, drain, maintenance };
[[nodiscard]] std::string_view name(backend_state s) noexcept;

/// What may change while the gateway runs.
struct backend_parameters {
    unsigned weight = 1;           // its share beside the others', 1 to limits::max_backend_weight
    std::size_t max_sessions = 0;  // 0: no limit of its own
    backend_state state = backend_state::active;
    unsigned priority = 0;           // a larger one only where no smaller one can take a session
    std::vector<std::string> users;  // only for these users; a "*" in a name stands for anything
    std::vector<std::string> hosts;  // only for who asks for these names, by HOST or TLS; likewise

    friend bool operator==(const backend_parameters&, const backend_parameters&) = default;
};

/// What a name in a backend's URL stands for: one server, however many addresses it has; or as many servers as it has
/// addresses; or those that its SRV records name.
enum class discovery : std::uint8_t { none, addresses, service };

struct backend {
    std::string host;  // name or address
    std::uint16_t port = 21;
    backend_tls tls = backend_tls::none;
    backend_parameters parameters{};
    std::optional<proto::proxy_version> proxy_protocol{};  // tells it by a PROXY header who the client is ...
    bool proxy_protocol_data = false;                      // ... on data connections too
    discovery discovered_by = discovery::none;             // others: no server itself, see backend_list.hpp
    std::string tls_name{};                                // that its certificate is for; empty: the host's
    std::vector<ip_address> addresses{};                   // of the host, where they are known
    proto::direct_data direct{};                           // which of its data need not come by the gateway
    port_range passthrough_range{};                        // its TLS passes unread, data by these ports here and there alike

    /// "ftp://HOST[:PORT][?PARAMETERS]", "ftpes://...", "ftps://..."; see backend_parameters.hpp.
    [[nodiscard]] static result<backend> parse(std::string_view url);
    /// Where TLS is to match the client's: the same with the one or the other.
    [[nodiscard]] backend for_client(bool with_tls) const;
    [[nodiscard]] bool needs_discovery() const noexcept { return discovered_by != discovery::none; }
    [[nodiscard]] const std::string& tls_host() const noexcept { return tls_name.empty() ? host : tls_name; }
    /// Its name: the URL with the port and without terms.
    [[nodiscard]] std::string text() const;

    friend bool operator==(const backend&, const backend&) = default;
};

/// Each policy heeds the weights.
enum class balancing_policy : std::uint8_t { least_sessions, round_robin, least_response_time, client_address, user };

/// How far one gets with a backend; each stage takes those before it. With implicit TLS the greeting comes after TLS.
enum class check_level : std::uint8_t { off, tcp, greeting, tls, login, list };
[[nodiscard]] std::string_view name(check_level s) noexcept;

enum class all_down_policy : std::uint8_t { reject, try_anyway };

/// How sessions are spread, and what a failure does to a backend's share.
struct balancing_rules {
    balancing_policy policy = balancing_policy::least_sessions;
    unsigned fall = limits::check_fall;  // failures in a row until a backend is down
    unsigned rise = limits::check_rise;  // successes in a row until it is up again
    std::chrono::seconds slow_start = limits::slow_start;
    check_level check = check_level::off;  // what checks look at; with them, sessions need not find out what is well again
    std::chrono::seconds retry_delay{10};  // without them: how long one that failed is tried last, then asked by a session
    all_down_policy when_all_down = all_down_policy::reject;  // by the word of checks
};

/// How checks are made.
struct health_check_settings {
    std::chrono::milliseconds interval = limits::check_interval;
    std::string user;  // for the stages login and list
    std::string password;
};

/// What a session has come to, at its end.
struct session_summary {
    endpoint client;
    std::string user;
    bool logged_in = false;
    bool tls = false;
    std::size_t downloads = 0;  // complete ones
    std::size_t uploads = 0;
    std::size_t listings = 0;
    std::size_t failed = 0;
    std::uint64_t sent = 0;  // to the client, in files, as far as they passed here
    std::uint64_t received = 0;
    std::chrono::milliseconds duration{};
};

struct settings : frontend::service_settings {
    std::vector<backend> backends;
    std::string backends_file;  // holds more of them; it is watched for change. Empty: there is none
    std::chrono::seconds resolve_interval = limits::resolve_interval;
    std::optional<endpoint> dns_server;  // asked for what is behind names, in place of the system's; for resolve=a|srv only
    balancing_rules balancing;
    health_check_settings checks;
    bool check_at_start = false;    // where there are no checks: warn of backends that do not answer when it begins
    bool connect_at_login = false;  // a backend is connected to when USER has come, however backends are chosen
    std::chrono::milliseconds session_queue_timeout = limits::queue_timeout;  // for room, where all are full; 0: no queue

    /// TLS is between clients and backends: all of them have mirrored ports.
    [[nodiscard]] bool uses_passthrough() const noexcept {
        return !backends.empty() && backends.front().passthrough_range.first != 0;
    }
    bool ccc_allowed = false;  // clients may end TLS on the control connection, not on data
    proto::command_policy commands;
    std::optional<net::certificate_field> user_from_cert{};  // of the client's certificate: who the user is
    bool replace_user = false;                               // whatever USER says; else USER must say the same
    std::size_t max_sessions_per_user = 0;                   // sessions; 0: no limit
    std::uint64_t upload_rate = 0;                           // bytes a second of a session; 0: no limit
    std::uint64_t download_rate = 0;
    std::optional<net::tls_client_context> backend_tls;
    proto::backend_data_mode backend_data_mode =
        proto::backend_data_mode::passive;  // how data connections behind come about
    bool kernel_forwarding = false;         // those that nothing has to look at are led by the kernel's NAT, where it will

    std::chrono::milliseconds backend_connect_timeout = std::chrono::seconds(3);  // connect and greeting, per backend tried
    std::chrono::seconds backend_login_timeout = limits::backend_login_timeout;   // to each command until the login
    std::function<void(const session_summary&)> session_ended{};                  // on the session's loop; may be empty
};

struct shared_state;

class gate final : public frontend::service {
public:
    gate(net::loop_group& loops, settings s, status::counters& counters);
    ~gate() override;

    [[nodiscard]] result<void> start() override;
    void adopt_sockets(std::vector<unique_fd> sockets) override;
    /// Names of backends; health checks may find that they are up again.
    void set_down_backends(std::vector<std::string> names) override;
    // Data connections on mirrored ports: see mirrors.
    void return_connections(std::function<bool(int connection)> to_old_process) override;
    void accept_returned(unique_fd connection) override;
    [[nodiscard]] std::vector<int> sockets() const override;
    [[nodiscard]] std::vector<std::string> down_backends() const override;
    void start_draining(std::move_only_function<void()> on_drained) override;
    /// Any thread: these are the backends from now on; see pool::adjust(). What changes is logged.
    void set_backends(const std::vector<backend>& wanted);
    /// On the first loop: sessions that start from now on use these settings, those that run keep theirs. Where it listens
    /// and its passive ports stay as they were at the start, and so do the trusted proxies. Returns a line for each change
    /// of the backends.
    [[nodiscard]] result<std::vector<std::string>> reload(settings s);
    /// Any thread.
    [[nodiscard]] status::pool_snapshot backends() const;
    [[nodiscard]] std::optional<status::pool_snapshot> backend_status() const override { return backends(); }
    void stop(std::chrono::milliseconds grace, frontend::stop_handler done) override;

private:
    gate(net::loop_group& loops, settings s, std::shared_ptr<shared_state> shared);

    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::gate
