#pragma once
// Selects a backend for one session from the pool and connects to it; if it fails, tries the next one; if all are at their
// limit, waits in the session queue (G7). The result is a destination; no other part of a session uses the pool.
//
// Loop thread only. Owned by the session, which outlives every call of find().

#include <expected>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/backend_leg.hpp>
#include <sallyport/gate/queue_limit.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::gate {

class backend_selection {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    backend_selection(std::shared_ptr<session_context> gate, net::loop& loop, log_sink log)
        : gate_(std::move(gate)), loop_(loop), log_(std::move(log)) {}

    /// Whether the backend is selected at USER, not before the greeting.
    [[nodiscard]] bool selects_at_login() const {
        return gate_->config.connect_at_login || !gate_->config.forward_to.empty() || gate_->backends.selects_at_login();
    }

    struct search {
        // Empty before the login.
        std::string user{};
        // From the HOST command or TLS SNI.
        std::string host{};
        leg_request leg{};
        // Excludes the backends that were already tried during this login.
        bool is_failover = false;
        // Before the login nothing is read from the client: true if it has disconnected, which ends the wait in the queue.
        std::function<bool()> client_has_left{};
    };
    /// Tries one backend after the other until one sends its greeting. The client does not see the failures.
    net::task<std::expected<established_leg, no_leg>> find(search request);
    /// Makes a find() that waits in the session queue return, since the client has closed its direction.
    void leave_queue();
    /// The session ends: find() returns soon, and later calls return immediately.
    void stop();

private:
    net::task<std::expected<established_leg, no_backend_reason>> try_all(search request);
    net::task<backend_choice> wait_in_queue(client_info client, queue_limit limit, std::function<bool()> client_has_left);
    net::task<bool> request_slot(std::vector<backend_id> full, const queue_limit& limit);

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    log_sink log_;
    // During this login.
    std::vector<backend_id> tried_;
    // Not null while the session is queued. Shared, since the pool sets it from any thread, perhaps after the wait has
    // ended.
    std::shared_ptr<net::event> slot_assigned_;
    bool stopped_ = false;
};

}  // namespace sallyport::gate
