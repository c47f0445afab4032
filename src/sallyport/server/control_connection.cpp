#include <sallyport/server/control_connection.hpp>

#include <utility>

#include <fmt/format.h>
#include <sodium.h>
#include <sys/socket.h>

#include <sallyport/base/limits.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

/// How long a client that was sent away may take to read why, before the connection is reset.
constexpr auto linger = 1s;

std::string random_session_context() {
    std::string out(16, '\0');
    randombytes_buf(out.data(), out.size());
    return out;
}

}  // namespace

control_connection::control_connection(const session_context& shared, frontend::admitted_connection& from)
    : shared_(shared),
      stream_(from.loop, std::move(from.connection.socket), from.connection.local, from.connection.peer),
      client_destination_(from.client_destination) {
    stream_.set_keepalive(shared_.config.keepalive);
    if (shared_.config.tls) tls_session_context_ = random_session_context();
}

std::vector<std::string> control_connection::certificate_names() const {
    using enum net::certificate_field;
    std::vector<std::string> out;
    if (!stream_.is_tls()) return out;
    for (const auto& [kind, field] : {std::pair("cn", common_name), std::pair("email", email), std::pair("dns", dns)})
        if (const auto name = stream_.peer_name(field); name && !name->empty())
            out.push_back(fmt::format("{}:{}", kind, *name));
    if (const auto shown = stream_.tls().peer_fingerprint; !shown.empty()) out.push_back("sha256:" + shown);
    return out;
}

reach::passive_request control_connection::passive_caller(std::string id, bool protect) {
    const bool can_resume = protect && shared_.config.tls_reuse != net::tls_reuse::off;
    if (can_resume) stream_.offer_ticket();
    return {stream_, client_destination_, std::move(id), protect ? tls_session_context_ : std::string(), can_resume};
}

net::task<result<std::string_view>> control_connection::read(net::deadline until) {
    const result<std::size_t> got = co_await stream_.read_some(buffer_, {.total = until});
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) input_ended_ = true;
    co_return std::string_view(buffer_.data(), *got);
}

net::task<> control_connection::flush(proto::server_machine& machine) {
    if (flushing_) co_return;
    flushing_ = true;
    try {
        while (!machine.output().empty() && !broken_) {
            machine.release_output(writing_);
            const result<void> sent = co_await stream_.write_all(writing_, {.progress = shared_.config.stall_timeout});
            if (!sent) broken_ = true;
        }
    } catch (...) {
        // A part of the output may be missing.
        broken_ = true;
        throw;
    }
    // A long listing of replies must not stay with a session that then idles for minutes.
    if (writing_.capacity() > limits::control_read_size) std::string().swap(writing_);
    flushing_ = false;
}

net::task<result<void>> control_connection::start_tls(net::deadline until) {
    const net::tls_accept_options options{.session_id_context = tls_session_context_,
                                          .resumption = shared_.config.tls_reuse != net::tls_reuse::off,
                                          .signatures = &shared_.signatures};
    co_return co_await stream_.accept_tls(*shared_.config.tls, options, {.total = until});
}

net::task<result<void>> control_connection::end_tls() { co_return co_await stream_.end_tls(limits::tls_shutdown_timeout); }

net::task<> control_connection::shut_down(bool client_quit) {
    if (broken_) co_return;
    if (stream_.is_tls()) (void)co_await stream_.shutdown_send(limits::tls_shutdown_timeout);
    if (client_quit) co_return;
    // Closing with unread input resets the connection, and the reason in our last reply would be lost on the way.
    if (!stream_.is_tls()) (void)co_await stream_.shutdown_send(limits::tls_shutdown_timeout);
    const net::time_limit limit = net::time_limit::within(linger);
    for (;;) {
        const result<std::size_t> got = co_await stream_.read_some(buffer_, limit);
        if (!got || *got == 0) co_return;
    }
}

void control_connection::close_with(std::string_view reply) noexcept {
    const bool complete_lines = !stream_.is_tls() && !flushing_ && !broken_;
    if (complete_lines) (void)::send(stream_.native_handle(), reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    broken_ = true;
    stream_.close();
}

void control_connection::abort() {
    broken_ = true;
    stream_.abort();
}

}  // namespace sallyport::server
