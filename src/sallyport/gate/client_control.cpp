#include <sallyport/gate/client_control.hpp>

#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::gate {
namespace {

// For the client to take the last reply and close: what it still sends would turn our close into a reset, and the reply
// would be lost (G6).
constexpr auto farewell = std::chrono::milliseconds(500);

}  // namespace

client_control::client_control(std::shared_ptr<session_context> gate, front::arrival& from, std::string id, log_sink log)
    : gate_(std::move(gate)),
      id_(std::move(id)),
      log_(std::move(log)),
      stream_(from.home, std::move(from.connection.socket), from.connection.local, from.connection.peer),
      destination_(from.reached) {
    stream_.set_keepalive(gate_->config.keepalive);
}

reach::passive_caller client_control::passive_caller(bool protect) {
    const bool demanded = gate_->config.reuse == net::tls_reuse::require || gate_->inbound.single();
    if (protect && demanded) stream_.offer_ticket();
    return {stream_, destination_, id_, protect ? id_ : std::string()};
}

std::optional<std::string> client_control::certificate_user() const {
    const auto& field = gate_->config.user_from;
    return field && stream_.is_tls() ? stream_.peer_name(*field) : std::nullopt;
}

std::string client_control::tls_version() const { return stream_.is_tls() ? stream_.tls().version : std::string(); }

result<void> client_control::upload_may_end(bool ended) const {
    if (!ended && !stream_.has_ended()) return {};
    return fail(errc::closed, "incomplete: the control connection ended before the data");
}

net::task<bool> client_control::start_tls() {
    const auto limit = net::time_limit::within(limits::tls_handshake);
    const net::tls_accept_options options{.session_id_context = id_,
                                          .resumption = gate_->config.reuse != net::tls_reuse::off};
    const auto shaken = co_await stream_.accept_tls(*gate_->config.tls, options, limit);
    if (!shaken)
        log_(log::level::warning,
             fmt::format("TLS handshake with {} failed: {}", peer().text(), escape(shaken.error().text())));
    co_return shaken.has_value();
}

net::task<bool> client_control::end_tls() {
    const auto ended = co_await stream_.end_tls(limits::tls_shutdown);
    if (!ended)
        log_(log::level::warning,
             fmt::format("TLS with {} did not end in good order: {}", peer().text(), escape(ended.error().text())));
    co_return ended.has_value();
}

void client_control::count_rejected(std::string_view why) {
    status::count(gate_->counters.turned_away_no_backend);
    log_(log::level::warning, fmt::format("Connection from {} turned away: {}", peer().text(), why));
}

net::task<> client_control::reject(std::string why) {
    count_rejected(why);
    std::string line;
    proto::append_reply(line, 421, why);
    const auto limit = net::time_limit::within(farewell);
    const auto sent = co_await stream_.write_all(line, limit);
    if (sent) co_await say_farewell();
}

net::task<> client_control::say_farewell() {
    const auto limit = net::time_limit::within(farewell);
    std::array<char, 2048> unread;
    auto got = result<std::size_t>(1);
    co_await stream_.finish_sending(farewell);
    while (got && *got > 0) got = co_await stream_.read_some(unread, limit);
}

}  // namespace sallyport::gate
