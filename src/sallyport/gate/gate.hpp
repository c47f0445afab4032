#pragma once
// The gateway: an FTP proxy in front of one or more FTP servers, its backends (G1, G4, G5, G7).
//
// It relays the control connection line by line: every command and reply is parsed, checked and written again. The peers of
// a session's data connections are its client and its backend, and no other host. The program owns the gateway; threads and
// lifetimes are those of frontend/service.hpp.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/firewall/table.hpp>
#include <sallyport/frontend/service.hpp>
#include <sallyport/gate/interception.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/proxy_header.hpp>
#include <sallyport/proto/relay_methods.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/status/session_summary.hpp>

namespace sallyport::gate {

/// TLS with a backend, by the scheme of its URL: ftp://, ftpes://, ftps://. `match` is ftp://...?tls=match: explicit TLS
/// exactly if the session's client uses TLS.
enum class backend_tls : std::uint8_t { none, explicit_, implicit, match };

/// A backend in `drain` or `maintenance` accepts no new sessions; existing ones continue.
enum class backend_state : std::uint8_t { active, drain, maintenance };
[[nodiscard]] std::string_view name(backend_state s) noexcept;

/// The parameters of a backend that can change at runtime. A change of anything else makes it another backend.
struct backend_parameters {
    // Share of sessions relative to other backends, 1 to limits::max_backend_weight.
    unsigned weight = 1;
    // 0: no limit.
    std::size_t max_sessions = 0;
    backend_state state = backend_state::active;
    // Used only if no backend with a lower number can take the session.
    unsigned priority = 0;
    // Reserved for these users; "*" is a wildcard. Empty: all users.
    std::vector<std::string> users;
    // Reserved for these host names, from the HOST command or TLS SNI; "*" is a wildcard. Empty: all hosts.
    std::vector<std::string> hosts;

    friend bool operator==(const backend_parameters&, const backend_parameters&) = default;
};

/// How the host name in a backend URL is resolved to backends. `none`: one server, however many addresses it has.
/// `addresses`: one backend for each address. `service`: one backend for each SRV record.
enum class discovery : std::uint8_t { none, addresses, service };

/// One backend: its URL and what was learned when its name was resolved. A value.
struct backend {
    // A host name or an address.
    std::string host;
    std::uint16_t port = 21;
    backend_tls tls = backend_tls::none;
    backend_parameters parameters{};
    // Version of the PROXY header with the client's address. Nothing: no header is sent.
    std::optional<proto::proxy_version> proxy_protocol{};
    // The header is sent on data connections as well.
    bool proxy_protocol_data = false;
    // Other than `none`: not a server itself, but a name to be resolved; see backend_list.hpp.
    discovery discovered_by = discovery::none;
    // The name that its certificate must have. Empty: that of the host.
    std::string tls_name{};
    // The addresses of the host, if they are known.
    std::vector<ip_address> addresses{};
    // The modes in which unencrypted data bypass the gateway.
    proto::direct_data direct{};
    // TLS passthrough: its data ports, which the gateway forwards unchanged. `first` is 0 without passthrough.
    port_range passthrough_range{};

    /// "ftp://HOST[:PORT][?PARAMETERS]", "ftpes://...", "ftps://..."; see backend_parameters.hpp.
    [[nodiscard]] static result<backend> parse(std::string_view url);
    /// The same backend with `backend_tls::match` replaced: explicit TLS if the client uses TLS, otherwise none.
    [[nodiscard]] backend for_client(bool with_tls) const;
    [[nodiscard]] bool needs_discovery() const noexcept { return discovered_by != discovery::none; }
    [[nodiscard]] const std::string& tls_host() const noexcept { return tls_name.empty() ? host : tls_name; }
    /// Its name in the log and in status: the URL with the port and without parameters.
    [[nodiscard]] std::string text() const;

    friend bool operator==(const backend&, const backend&) = default;
};

/// Servers that the clients of a forward proxy may name (--forward-to); see forward_rule.hpp. A value.
struct forward_rule {
    // The name of a host in lower case, or "*." and the name of a domain.
    std::variant<ip_network, std::string> target;
    std::vector<port_range> ports;
    backend_tls tls = backend_tls::none;

    /// If the client names none.
    [[nodiscard]] std::uint16_t default_port() const noexcept { return tls == backend_tls::implicit ? 990 : 21; }
    friend bool operator==(const forward_rule&, const forward_rule&) = default;
};

/// The rule by which sessions are distributed. Every policy applies the weights.
enum class balancing_policy : std::uint8_t { least_sessions, round_robin, least_response_time, client_address, user };

/// How far a health check goes; each level includes those before it. With implicit TLS the greeting follows TLS.
enum class check_level : std::uint8_t { off, tcp, greeting, tls, login, list };
[[nodiscard]] std::string_view name(check_level s) noexcept;

/// If health checks report every backend down: reject new sessions, or try the backends anyway.
enum class all_down_policy : std::uint8_t { reject, try_anyway };

/// How sessions are distributed over backends, and how failures change the state of a backend. A value.
struct balancing_rules {
    balancing_policy policy = balancing_policy::least_sessions;
    // Consecutive failures before a backend is marked down.
    unsigned fall = limits::check_fall;
    // Consecutive successes before it is marked up again.
    unsigned rise = limits::check_rise;
    // Time in which a recovered backend returns to its full weight.
    std::chrono::seconds slow_start = limits::slow_start;
    // Other than `off`: only health checks mark a backend up again.
    check_level check = check_level::off;
    // Without health checks: time in which a failed backend is tried last. After it one session probes the backend.
    std::chrono::seconds retry_delay{10};
    all_down_policy when_all_down = all_down_policy::reject;
};

/// Interval and account of health checks. A value.
struct health_check_settings {
    std::chrono::milliseconds interval = limits::check_interval;
    // For the levels login and list.
    std::string user;
    std::string password;
};

/// The settings of a gateway. A value.
struct settings : frontend::service_settings {
    std::vector<backend> backends;
    // A file with more backends, reread when it changes. Empty: none.
    std::string backends_file;
    // Not empty: clients may name these servers in USER.
    std::vector<forward_rule> forward_to;
    std::chrono::seconds resolve_interval = limits::resolve_interval;
    // Name server for ?resolve lookups, instead of the system's.
    std::optional<endpoint> dns_server;
    balancing_rules balancing;
    health_check_settings checks;
    // Without health checks: warn at the start about backends that do not respond.
    bool check_at_start = false;
    // Connect to a backend when USER is received, not when the client connects.
    bool connect_at_login = false;
    // Time that a session waits if all backends are at their limit. 0: no queue.
    std::chrono::milliseconds session_queue_timeout = limits::queue_timeout;

    /// Servers from a list of the administrator. Other sources name a server for one session; see destination.hpp.
    [[nodiscard]] bool has_backends() const noexcept { return !backends.empty() || !backends_file.empty(); }
    /// Sessions can get a destination at all.
    [[nodiscard]] bool has_destinations() const noexcept {
        return has_backends() || interception.is_enabled() || !forward_to.empty();
    }

    /// TLS is not terminated here: every backend has a range of passthrough ports.
    [[nodiscard]] bool uses_passthrough() const noexcept {
        return !backends.empty() && backends.front().passthrough_range.first != 0;
    }
    // Clients may end TLS on the control connection (CCC); data connections stay encrypted.
    bool ccc_allowed = false;
    proto::command_policy commands;
    // The field of the client certificate that has the user name.
    std::optional<net::certificate_field> user_from_cert{};
    // If USER differs from the certificate: the name is replaced; otherwise USER is refused.
    bool replace_user = false;
    // 0: no limit.
    std::size_t max_sessions_per_user = 0;
    // Bytes per second of a session; 0: no limit.
    std::uint64_t upload_rate = 0;
    std::uint64_t download_rate = 0;
    std::optional<net::tls_client_context> backend_tls;
    // How data connections on the backend leg are established.
    proto::backend_data_mode backend_data_mode = proto::backend_data_mode::passive;
    // Sessions with other servers than the backends.
    interception_settings interception{};
    // Forward data connections of sessions with backends by kernel NAT where the gateway need not see their bytes.
    bool kernel_forwarding = false;
    // Makes the kernel's table of openings, once; empty: all data connections are relayed.
    std::function<result<std::unique_ptr<firewall::table>>()> make_table{};

    // Time limit for connect, TLS and greeting of each backend tried.
    std::chrono::milliseconds backend_connect_timeout = std::chrono::seconds(3);
    // Time limit for each backend reply until the login is complete.
    std::chrono::seconds backend_login_timeout = limits::backend_login_timeout;
    // Called on the session's loop; may be empty.
    std::function<void(const status::session_summary&)> session_ended{};
};

struct shared_state;

/// The gateway as a service of the program.
class gate final : public frontend::service {
public:
    gate(net::loop_group& loops, settings s, status::counters& counters);
    ~gate() override;

    [[nodiscard]] result<void> start() override;
    void adopt_sockets(std::vector<unique_fd> sockets) override;
    /// Names of backends that the old process found down. Health checks may mark them up again.
    void set_down_backends(std::vector<std::string> names) override;
    // Data connections on passthrough ports: see passthrough_ports.
    void return_connections(std::function<bool(int connection)> to_old_process) override;
    void accept_returned(unique_fd connection) override;
    [[nodiscard]] std::vector<int> sockets() const override;
    [[nodiscard]] std::vector<std::string> down_backends() const override;
    void start_draining(std::move_only_function<void()> on_drained) override;
    /// Replaces the backends of the settings; see pool::set_backends(). Changes are logged. Any thread.
    void set_backends(const std::vector<backend>& wanted);
    /// New sessions use these settings, existing ones keep theirs. Listeners, passive ports and trusted proxies stay as they
    /// were at the start. Returns one line for each change of the backends; after an error nothing has changed. First loop.
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
