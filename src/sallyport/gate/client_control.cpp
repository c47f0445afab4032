#include <sallyport/gate/client_control.hpp>

#include <array>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/gate/forward_rule.hpp>
#include <sallyport/net/tls_hello.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::gate {
namespace {

// Time in which the client can receive the final reply and close. If it still sent something after our close, the kernel
// would answer with a reset, and the reply could be lost (G6).
constexpr auto final_reply_timeout = std::chrono::milliseconds(500);

}  // namespace

client_control::client_control(std::shared_ptr<session_context> gate, frontend::admitted_connection& from, std::string id,
                               log_sink log)
    : gate_(std::move(gate)),
      id_(std::move(id)),
      log_(std::move(log)),
      stream_(from.loop, std::move(from.connection.socket), from.connection.local, from.connection.peer),
      client_destination_(from.client_destination),
      interception_(from.interception ? &gate_->config.interception.rules.at(*from.interception) : nullptr) {
    stream_.set_keepalive(gate_->config.keepalive);
}

std::string_view client_control::refusal() const {
    if (interception_ == nullptr) return {};
    if (interception_->is_untranslatable(stream_.local().address))
        return "64:ff9b::/96 must not be used for private IPv4 addresses; the network needs a NAT64 prefix of its own.";
    const bool impossible = interception_->nat64 && !reason_against(server_address(), {}).empty();
    if (!impossible && !gate_->base->guard.is_this_machine(server_address())) return {};
    return "There is no FTP server at this address; connect to the server itself.";
}

bool client_control::passes_tls() const noexcept {
    if (interception_ == nullptr) return gate_->config.uses_passthrough();
    return interception_->tls == intercepted_tls::pass || (tls_end_ && !tls_end_->here);
}

const std::string& client_control::requested_host() const noexcept {
    static const std::string none;
    return tls_end_ ? tls_end_->host : none;
}

reach::passive_request client_control::passive_caller(bool protect) {
    const bool can_resume = protect && gate_->config.tls_reuse != net::tls_reuse::off;
    if (can_resume) stream_.offer_ticket();
    return {stream_, client_destination_, id_, protect ? id_ : std::string(), can_resume};
}

std::optional<std::string> client_control::certificate_user() const {
    const auto& field = gate_->config.user_from_cert;
    return field && stream_.is_tls() ? stream_.peer_name(*field) : std::nullopt;
}

std::string client_control::tls_version() const { return stream_.is_tls() ? stream_.tls().version : std::string(); }

result<void> client_control::check_upload_end(bool ended) const {
    if (!ended && !stream_.peer_has_finished()) return {};
    return fail(errc::closed, "incomplete: the control connection closed before the end of the data");
}

net::task<bool> client_control::choose_tls_end(net::deadline until) {
    if (!awaits_tls_choice()) co_return true;
    const auto& certificates = *gate_->config.tls;
    const auto hello = co_await net::peek_tls_hello(stream_, certificates, {.total = until});
    if (!hello || hello->is == net::tls_hello::kind::not_tls) {
        log_(log::level::warning, hello ? fmt::format("TLS handshake with {} failed: these bytes are not TLS", peer().text())
                                        : escape(hello.error().text()));
        co_return false;
    }
    tls_end_ = tls_end::choose(hello->server_name, client_destination_.address,
                               [&](std::string_view name) { return certificates.has_certificate_for(name); });
    log_(log::level::info, fmt::format("TLS {}", escape(tls_end_->reason)));
    co_return true;
}

net::task<bool> client_control::start_tls(net::deadline until) {
    const net::tls_accept_options options{.session_id_context = id_,
                                          .resumption = gate_->config.tls_reuse != net::tls_reuse::off,
                                          .signatures = &gate_->signatures};
    const auto handshake = co_await stream_.accept_tls(*gate_->config.tls, options, {.total = until});
    if (!handshake)
        log_(log::level::warning,
             fmt::format("TLS handshake with {} failed: {}", peer().text(), escape(handshake.error().text())));
    co_return handshake.has_value();
}

net::task<bool> client_control::end_tls() {
    const auto ended = co_await stream_.end_tls(limits::tls_shutdown_timeout);
    if (!ended)
        log_(log::level::warning,
             fmt::format("TLS with {} was not shut down cleanly: {}", peer().text(), escape(ended.error().text())));
    co_return ended.has_value();
}

void client_control::count_rejected(std::string_view reason) {
    status::count(gate_->counters.rejected_no_backend);
    log_(log::level::warning, fmt::format("Rejected connection from {}: {}", peer().text(), reason));
}

net::task<> client_control::reject(std::string reason) {
    count_rejected(reason);
    std::string line;
    proto::append_reply(line, 421, reason);
    const auto limit = net::time_limit::within(final_reply_timeout);
    const auto sent = co_await stream_.write_all(line, limit);
    if (sent) co_await close_after_final_reply();
}

void client_control::close_with(std::string_view reply) noexcept {
    if (!stream_.is_tls()) (void)::send(stream_.native_handle(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    stream_.close();
}

net::task<> client_control::close_after_final_reply() {
    const auto limit = net::time_limit::within(final_reply_timeout);
    std::array<char, 2048> discarded;
    auto got = result<std::size_t>(1);
    co_await stream_.shutdown_send(final_reply_timeout);
    while (got && *got > 0) got = co_await stream_.read_some(discarded, limit);
}

}  // namespace sallyport::gate
