#pragma once
// The gateway, reverse form: clients in front, one or more FTP servers (backends) behind (G1, G4, G5, G7).
//
// A full proxy of the control connection: every line is parsed, decided and written anew. Data connections are led to
// the session's own backend and accepted from the session's client only. Owned by the command that runs it; lifetimes and
// threads as for server::server.

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
#include <sallyport/front/front.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/net/tls.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::gate {

enum class backend_tls : std::uint8_t { none, explicit_, implicit };  // ftp://, ftpes://, ftps://

struct backend {
    std::string host;  // name or address
    std::uint16_t port = 21;
    backend_tls tls = backend_tls::none;

    /// "ftp://HOST[:PORT]", "ftpes://...", "ftps://...".
    [[nodiscard]] static result<backend> parse(std::string_view url);
    [[nodiscard]] std::string text() const;
};

enum class balance : std::uint8_t { least_sessions, round_robin, client_address };

struct settings {
    std::vector<endpoint> listen;
    std::vector<endpoint> listen_implicit;
    std::vector<backend> backends;
    balance policy = balance::least_sessions;

    std::optional<net::tls_server_context> tls;  // ends TLS in front
    bool tls_required = false;
    bool require_tls_reuse = false;  // data connections must resume the control connection's session, else 522 (TLS-04)
    std::optional<net::tls_client_context> backend_tls;

    port_range passive_ports{};
    std::string external_address;

    net::keepalive keepalive{limits::keepalive_idle, limits::keepalive_interval, limits::keepalive_count};
    std::chrono::seconds idle = limits::idle;
    std::chrono::seconds login = limits::login;
    std::chrono::seconds data_connect = limits::data_connect;
    std::chrono::seconds data_stall = limits::data_stall;
    std::chrono::milliseconds backend_connect = std::chrono::seconds(3);  // connect and greeting, per backend tried
    std::chrono::seconds backend_rest = std::chrono::seconds(10);         // how long one that failed is tried last
    front::admission_rules admit;
};

class gate {
public:
    gate(net::loop_group& loops, settings s, status::counters& counters);
    ~gate();

    [[nodiscard]] result<void> start();
    [[nodiscard]] std::vector<endpoint> endpoints() const;
    void stop(std::chrono::milliseconds grace, front::stopped done);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::gate
