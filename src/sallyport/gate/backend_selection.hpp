#pragma once
// Finds one session's server among the backends of the pool, and another one where it fails: the choice, the queue where all
// are full, and the connection (G7). What it finds is a destination; no other part of a session knows the pool.
//
// Loop thread only. Owned by the session, which outlives every call of find().

#include <expected>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/backend.hpp>
#include <sallyport/gate/destination.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::gate {

/// A session's connection with its server.
struct backend_leg {
    destination server;
    net::stream stream;
    self_connection_guard::registration registration;  // for as long as the connection

    /// As its client, under the server's name.
    net::task<result<void>> start_tls(const net::tls_client_context& settings);
    void close() {
        stream.close();
        registration = {};
        server.release();
    }
};

class backend_selection {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    backend_selection(std::shared_ptr<session_context> gate, net::loop& loop, log_sink log)
        : gate_(std::move(gate)), loop_(loop), log_(std::move(log)) {}

    /// Whether the backend is chosen when USER has come, and not before the greeting.
    [[nodiscard]] bool selects_at_login() const {
        return gate_->config.connect_at_login || gate_->backends.selects_at_login();
    }

    struct search {
        std::string user{};                    // empty before the login
        std::string host{};                    // that the client asked for, by HOST or TLS
        proto::proxy_header client{};          // its source is the client; for backends that take PROXY headers
        bool client_tls = false;               // for those whose TLS matches the client's
        check_level up_to = check_level::tls;  // tcp: the server's TLS is the client's
        bool is_failover = false;              // those that served or failed this login already are left out
    };
    struct found {
        backend_leg leg;
        proto::reply greeting;
    };
    struct no_backend {
        std::string_view reason;     // for the client
        bool not_permitted = false;  // there are backends, but none is for this user
    };
    /// One backend after the other until one greets: the client only ever sees the one that works.
    net::task<std::expected<found, no_backend>> find(search request);
    /// The client has sent its last byte: a find() that waits in the pool's queue gives its place up and returns.
    void leave_queue();
    /// The session ends: find() returns soon, and from now on at once.
    void stop();

private:
    net::task<std::expected<found, no_backend_reason>> try_all(search request);
    net::task<backend_choice> wait_in_queue(client_info client, net::deadline until);
    net::task<bool> request_slot(std::vector<backend_id> full, net::deadline until);

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    log_sink log_;
    std::vector<backend_id> tried_;  // for this login
    /// Set while it waits in the pool's queue. Shared, since the pool may wake it from another thread, and too late.
    std::shared_ptr<net::event> slot_assigned_;
    bool stopped_ = false;
};

}  // namespace sallyport::gate
