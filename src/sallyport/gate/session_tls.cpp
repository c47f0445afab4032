// A session's TLS: its handshakes on either leg, and TLS between client and backend, of which nothing can be read (G10,
// GW-06).

#include <sallyport/gate/session.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/relay_pump.hpp>

namespace sallyport::gate {
namespace {

using namespace std::chrono_literals;

constexpr auto stopping_look = 100ms;

}  // namespace

net::task<bool> session::start_tls() {
    const auto limit = net::time_limit::within(limits::tls_handshake);
    const net::tls_accept_options options{.session_id_context = id(),
                                          .resumption = gate_->config.reuse != net::tls_reuse::off};
    const auto shaken = co_await client_.accept_tls(*gate_->config.tls, options, limit);
    if (shaken) co_return true;
    log(log::level::warning,
        fmt::format("TLS handshake with {} failed: {}", client_.peer().text(), escape(shaken.error().text())));
    lost_ = true;
    co_return false;
}

net::task<> session::start_tls_behind() {
    const net::tls_connect_options as{.server_name = slot_.where().tls_host(), .resume = {}};
    const auto limit = net::time_limit::within(limits::tls_handshake);
    const auto shaken = co_await backend_.connect_tls(*gate_->config.backend_tls, as, limit);
    tls_behind_due_ = false;
    if (shaken)
        machine_->backend_tls_started();
    else
        machine_->backend_closed(shaken.error().text());
    co_await advance();
}

std::optional<std::string> session::certified_user() const {
    const auto& field = gate_->config.user_from;
    return field && client_.is_tls() ? client_.peer_name(*field) : std::nullopt;
}

// ---- TLS that passes

/// What a passage's two coroutines share.
struct passage {
    explicit passage(std::shared_ptr<mirrors::guest> g) : guest(std::move(g)) {}
    std::shared_ptr<mirrors::guest> guest;
    net::relay_counts counts;
    bool ended = false;
};

// There is no word of the client's to choose a backend by, nor one that it could be told.
net::task<> session::pass_unread() {
    const caller who{.address = client_.peer().address, .user = {}, .host = {}};
    auto found = co_await find_backend(who);
    if (lost_ || stopping_) co_return;
    if (!found) {
        status::count(gate_->counters.turned_away_no_backend);
        log(log::level::warning,
            fmt::format("Connection from {} turned away: no backend can be reached", client_.peer().text()));
        co_return;
    }
    slot_ = std::move(found->at);
    backend_ = std::move(found->link.stream);
    leg_ = std::move(found->link.leg);
    co_await pass_through();
    backend_.close();
    client_.close();
}

net::task<> session::pass_through() {
    const auto& at = slot_.where();
    const auto way =
        std::make_shared<passage>(gate_->base->mirrored.admit(at, backend_.peer().address, client_.peer().address));
    log(log::level::info,
        fmt::format("TLS passes between {} and {}; data by ports {}", client_.peer().text(), at.text(), at.mirror.text()));
    passing_ = true;
    home_.spawn("gate: passage", watch_passage(self(), way));
    const auto outcome = co_await net::relay(client_, backend_, net::time_limit(), way->counts);
    way->ended = true;
    client_wake_.set();
    lost_ = true;  // there is nothing that could be said
    log(log::level::info, fmt::format("{} bytes of control passed there, {} back{}", way->counts.a_to_b, way->counts.b_to_a,
                                      outcome.end == net::relay_end::complete ? "" : ", cut: " + outcome.cause.text()));
}

// G5: a running transfer is activity. Nobody can be told 421 in another's TLS, so who is idle is cut.
net::task<> watch_passage(std::shared_ptr<session> self, std::shared_ptr<passage> way) {
    const auto idle = self->gate_->config.idle;
    while (!way->ended) {
        const auto now = net::clock::now();
        const bool busy = way->guest->running() > 0;
        const auto due = busy ? now + idle : std::max(way->counts.last_activity, way->guest->last_end()) + idle;
        if (now >= due || (self->stopping_ && !busy)) {
            self->log(log::level::info, self->stopping_ ? "The gateway stops" : fmt::format("Idle for {} s", idle.count()));
            self->client_.abort();
            self->backend_.abort();
            co_return;
        }
        self->client_wake_.clear();
        co_await self->client_wake_.wait(self->stopping_ ? std::min(due, now + stopping_look) : due);
    }
}

}  // namespace sallyport::gate
