// The TLS part of a stream: it sends and receives the bytes of the TLS engine and waits for the socket.
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/stream_state.hpp>
#include <sallyport/net/thread_buffer.hpp>
#include <sallyport/net/tls_hello.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::net {
namespace {

using step = tls_engine::step;

// Bytes of TLS records that are gathered for one send, as each send wakes the peer. Sending each record as OpenSSL makes it
// (MSG_MORE) would save a copy, but would cost a tenth of a gateway's rate.
constexpr std::size_t gather = thread_buffer_size;
// Bytes of a file that are read for one send: few enough to stay in the cache until they are encrypted; 512 KiB are a
// quarter slower.
constexpr std::size_t file_piece = 128 * 1024;

bool would_block(int os) noexcept { return os == EAGAIN || os == EWOULDBLOCK; }

/// Sends OpenSSL's output once. Returns false on failure, with errno set.
bool send_output(stream_state& s, int flags = 0) {
    const auto bytes = s.tls->output();
    const auto n = ::send(s.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
    if (n >= 0) s.tls->sent(static_cast<std::size_t>(n));
    return n >= 0;
}

task<result<void>> flush(state_ptr s, time_limit limit, int flags = 0) {
    const flag_while flushing(s->flushing);
    result<void> outcome;
    auto end = wait_result::ready;
    while (s->tls && !s->tls->output().empty()) {
        const bool sent = send_output(*s, flags);
        if (sent && end == wait_result::ready) continue;
        if (s->tls->output().empty()) break;
        if ((!sent && !would_block(errno)) || end != wait_result::ready) {
            outcome = s->failure(end, errno, "writing to");
            break;
        }
        s->tls->shrink_output();
        end = co_await s->writable(limit);
    }
    co_return outcome;
}

/// What is encrypted for one send: full records that the kernel probably accepts.
send_piece piece_for(const stream_state& s, std::size_t size, std::size_t max) {
    auto piece = s.next_piece(std::min(size, max));
    if (piece.size < size && piece.size > tls_record) piece.size -= piece.size % tls_record;
    return piece;
}

/// Sends OpenSSL's own messages that result from reading (alerts, key updates), if possible; otherwise they are sent with
/// the next write.
void flush_alerts(stream_state& s) {
    if (s.flushing) return;
    while (!s.tls->output().empty() && send_output(s)) {
    }
    s.tls->release_output();
}

/// Whether the peer has closed. The descriptor may be closed or another one by now; then the result does not matter.
bool has_left(int descriptor) noexcept {
    pollfd p{descriptor, POLLRDHUP, 0};
    return ::poll(&p, 1, 0) > 0 && p.revents != 0;
}

/// Continues the handshake of a client that resumes no session, with the certificate and a signature.
task<result<void>> sign(state_ptr s, const tls_accept_options& how, time_limit limit) {
    if (s->tls->is_held()) {
        const bool admitted = co_await how.admit_new_session();
        if (!admitted) s->tls->reject_new_session();
        if (!admitted) co_return std::unexpected(s->tls->cause());
        s->tls->admit_new_session();
        co_return result<void>{};
    }
    const work_owner owner{s->peer.address.client_network(), s.get()};
    auto reached = step::want_read;
    const auto work = [&reached, engine = s->tls.get(), socket = s->socket.get()] {
        reached = has_left(socket) ? step::closed : engine->handshake_without_socket();
    };
    // A handshake whose client has disconnected takes no time.
    const bool signed_now = co_await offload_if_place(*how.signatures, s->owner, work, owner);
    if (!signed_now)
        co_return fail(errc::exhausted,
                       fmt::format("TLS with {}: too many handshakes at a time; connect again later", s->peer.text()));
    if (reached == step::closed)
        co_return fail(errc::tls,
                       fmt::format("TLS with {}: the peer closed the connection during the handshake", s->peer.text()));
    auto sent = co_await flush(s, limit);
    if (reached == step::failed) co_return std::unexpected(s->tls->cause());
    co_return sent;
}

/// `how`: null for a client.
task<result<void>> handshake(state_ptr s, const tls_accept_options* how, time_limit limit) {
    auto end = wait_result::ready;
    for (;;) {
        const auto reached = s->tls->handshake();
        if (reached == step::new_session) {
            auto continued = co_await sign(s, *how, limit);
            if (!continued) co_return continued;
            continue;
        }
        if (reached == step::done && s->tls->only_tickets_remain()) co_return result<void>{};
        auto sent = co_await flush(s, limit);
        s->tls->release_output();
        // The alert was sent, if that was possible.
        if (reached == step::failed) co_return std::unexpected(s->tls->cause());
        if (reached == step::closed)
            co_return fail(errc::tls, fmt::format("TLS with {}: the peer cancelled the handshake", s->peer.text()));
        if (!sent) co_return sent;
        if (reached == step::done) co_return result<void>{};
        if (end != wait_result::ready) co_return s->failure(end, 0, "TLS handshake with");
        end = co_await s->readable(limit);
    }
}

task<result<void>> send_close_notify(state_ptr s, time_limit limit, int flags = 0) {
    if (s->tls->close_notify() == step::failed) co_return std::unexpected(s->tls->cause());
    auto sent = co_await flush(s, limit, flags);
    if (s->tls) s->tls->release_output();
    co_return sent;
}

/// Encrypts and sends `bytes`. Does not release the memory of the output, as the caller may continue to write.
task<result<void>> write_piece(state_ptr s, std::string_view bytes, time_limit limit) {
    if (!s->socket) co_return s->failure(wait_result::cancelled, 0, "writing to");
    s->write_waited = false;
    // Reserved at once: growing for each record would cost more than the encryption in a large transfer.
    s->tls->reserve_output(bytes.size() + bytes.size() / 128 + 512);
    const auto reached = s->tls->write(bytes);
    if (reached == step::failed) co_return std::unexpected(s->tls->cause());
    auto outcome = co_await flush(s, limit);
    // Every MiB, as in reading.
    const bool yield_now = s->must_yield(1 + static_cast<unsigned>(bytes.size() / tls_record));
    if (yield_now) co_await s->owner.yield();
    co_return outcome;
}

/// Reads until the peer's close_notify. Data is an error here.
task<result<void>> await_close_notify(state_ptr s, time_limit limit) {
    std::array<char, 256> ignored;
    const auto got = co_await read_tls(s, ignored, limit);
    if (!got) co_return std::unexpected(got.error());
    if (*got > 0)
        co_return fail(errc::unexpected, fmt::format("{} sent data instead of a TLS close_notify", s->peer.text()));
    co_return result<void>{};
}

/// Peeks at the peer's next byte: TLS records start with 20 to 23, FTP commands with none of these.
task<bool> continues_unencrypted(state_ptr s, time_limit limit) {
    auto end = wait_result::ready;
    for (;;) {
        unsigned char first = 0;
        const auto n = ::recv(s->socket.get(), &first, 1, MSG_PEEK);
        if (n > 0) co_return first<SSL3_RT_CHANGE_CIPHER_SPEC || first> SSL3_RT_APPLICATION_DATA;
        if (n == 0 || !would_block(errno) || end != wait_result::ready) co_return false;
        end = co_await s->readable(limit);
    }
}

/// Sends close_notify, which the receiver of data must do too, unless it has been sent. After that the received bytes are
/// read without decryption, as they are dropped.
task<> drain_and_close(state_ptr s) {
    (void)co_await send_close_notify(s, time_limit::within(limits::tls_shutdown_timeout), MSG_MORE);
    if (s->socket) ::shutdown(s->socket.get(), SHUT_WR);
    s->tls.reset();
    std::array<char, 2048> discarded;
    const auto limit = time_limit::within(limits::close_notify_timeout);
    auto got = result<std::size_t>(1);
    while (got && *got > 0) got = co_await read_plain(s, discarded, limit);
    s->socket.close();
}

}  // namespace

read_try try_read_tls(stream_state& s, std::span<char> into, wait_result waited) {
    if (!s.socket) return s.failure(wait_result::cancelled, 0, "reading from");
    std::size_t count = 0;
    const auto reached = s.tls->read(into, count);
    flush_alerts(s);
    if (reached == step::done) {
        // The next read yields, if it must.
        s.burst += static_cast<unsigned>(count / tls_record);
        return count;
    }
    if (reached == step::closed) return std::size_t{0};
    if (waited != wait_result::ready) return s.failure(waited, 0, "reading from");
    if (reached == step::failed) return std::unexpected(s.tls->cause());
    return std::nullopt;
}

task<result<std::size_t>> read_tls(state_ptr s, std::span<char> into, time_limit limit) {
    auto end = wait_result::ready;
    const bool yield_now = s->must_yield();
    if (yield_now) end = co_await s->yield_before_read();
    for (;;) {
        auto got = try_read_tls(*s, into, end);
        if (got) co_return std::move(*got);
        end = co_await s->readable(limit);
    }
}

task<result<void>> write_tls(state_ptr s, std::string_view bytes, time_limit limit) {
    result<void> outcome;
    while (outcome && !bytes.empty()) {
        const auto piece = piece_for(*s, bytes.size(), gather);
        const auto part = bytes.substr(0, piece.size);
        bytes.remove_prefix(part.size());
        outcome = co_await write_piece(s, part, limit);
    }
    if (s->tls) s->tls->release_output();
    co_return outcome;
}

task<result<void>> write_tls_at_once(state_ptr s, std::string_view bytes, time_limit limit) {
    auto outcome = co_await write_piece(s, bytes, limit);
    if (s->tls) s->tls->release_output();
    co_return outcome;
}

// Data, close_notify and FIN are sent in one packet.
task<result<void>> write_and_finish_tls(state_ptr s, std::string_view bytes, time_limit limit) {
    if (s->tls->write(bytes) == step::failed) co_return std::unexpected(s->tls->cause());
    co_return co_await send_close_notify(s, limit, MSG_MORE);
}

task<result<std::uint64_t>> send_file_tls(state_ptr s, int file, std::uint64_t offset, std::uint64_t count, time_limit limit,
                                          std::uint64_t& progress) {
    std::uint64_t sent = 0;
    while (sent < count) {
        if (!s->socket) co_return s->failure(wait_result::cancelled, 0, "writing to");
        const auto left = static_cast<std::size_t>(std::min<std::uint64_t>(count - sent, file_piece));
        const auto piece = piece_for(*s, left, file_piece);
        const auto into = thread_buffer().first(piece.size);
        const auto n = ::pread(file, into.data(), into.size(), static_cast<off_t>(offset + sent));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) co_return fail_os(errno, "reading the file");
        // The end of the file.
        if (n == 0) break;
        const auto size = static_cast<std::size_t>(n);
        const auto written = co_await write_piece(s, {into.data(), size}, limit);
        if (!written) co_return std::unexpected(written.error());
        sent += size;
        progress += size;
    }
    if (s->tls) s->tls->release_output();
    co_return sent;
}

task<result<tls_hello>> peek_tls_hello(const stream& from, const tls_server_context& context, time_limit limit) {
    const auto s = state_of(from);
    auto end = wait_result::ready;
    for (;;) {
        const auto bytes = thread_buffer().first(max_tls_hello);
        const auto got = ::recv(s->socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
        if (got < 0 && !would_block(errno)) co_return s->failure(end, errno, "reading from");
        if (got > 0) {
            auto hello = read_tls_hello(context, {bytes.data(), static_cast<std::size_t>(got)});
            if (hello.is != tls_hello::kind::need_more) co_return hello;
        }
        if (has_left(s->socket.get()))
            co_return fail(errc::closed,
                           fmt::format("TLS with {}: the peer closed the connection during the handshake", s->peer.text()));
        if (end != wait_result::ready) co_return s->failure(end, 0, "TLS handshake with");
        // Only more bytes end the wait: readiness is edge-triggered.
        end = co_await s->readable(limit);
    }
}

task<result<void>> stream::accept_tls(const tls_server_context& context, const tls_accept_options& options,
                                      time_limit limit) {
    auto engine = tls_engine::accept(context, options, native_handle());
    if (!engine) co_return std::unexpected(std::move(engine.error()));
    const auto s = state_;
    s->tls = std::move(*engine);
    const flag_while shaking_hands(s->shaking_hands);
    co_return co_await handshake(s, &options, limit);
}

task<result<void>> stream::connect_tls(const tls_client_context& context, const tls_connect_options& options,
                                       time_limit limit) {
    auto engine = tls_engine::connect(context, options, native_handle());
    if (!engine) co_return std::unexpected(std::move(engine.error()));
    const auto s = state_;
    s->tls = std::move(*engine);
    co_return co_await handshake(s, nullptr, limit);
}

std::size_t signature_threads() { return std::max<std::size_t>(1, default_loop_count() / 2); }

bool stream::is_tls() const noexcept { return state_ && state_->tls && !state_->shaking_hands; }
tls_facts stream::tls() const { return state_->tls->facts(); }
std::optional<std::string> stream::peer_name(certificate_field field) const { return state_->tls->peer_name(field); }
tls_session stream::session() const { return is_tls() ? state_->tls->session() : tls_session{}; }

void stream::offer_ticket() {
    if (is_tls()) state_->tls->offer_ticket();
}

task<result<void>> stream::end_tls(clock::duration wait) {
    const auto s = state_;
    if (!s->tls) co_return result<void>{};
    const auto limit = time_limit::within(wait);
    auto outcome = co_await send_close_notify(s, limit);
    if (!outcome || wait <= clock::duration::zero()) co_return outcome;
    const bool plain = co_await continues_unencrypted(s, limit);
    if (!plain) outcome = co_await await_close_notify(s, limit);
    if (outcome) {
        s->resumable_session = s->tls->release_session_entry();
        s->tls.reset();
    }
    co_return outcome;
}

task<result<void>> stream::shutdown_send(clock::duration wait) {
    const auto s = state_;
    if (!s->socket) co_return s->failure(wait_result::cancelled, 0, "ending the stream to");
    if (s->tls) {
        auto ended = co_await send_close_notify(s, time_limit::within(wait), MSG_MORE);
        if (!ended) co_return ended;
    }
    if (::shutdown(s->socket.get(), SHUT_WR) != 0) co_return s->failure(wait_result::ready, errno, "ending the stream to");
    co_return result<void>{};
}

void close_gracefully(stream s) {
    if (s.is_tls() && s.is_open())
        s.owner().spawn("net: the end of a data connection", drain_and_close(state_of(s)));
    else
        s.close();
}

void stream::close() noexcept {
    if (!is_open()) return;
    // With unread bytes the system would send RST instead of FIN, and the peer could lose the last bytes (RFC 2525 section
    // 2.17). With TLS 1.3 there usually are some: tickets that a client had no reason to read.
    if (state_->tls) ::recv(native_handle(), nullptr, std::size_t{1} << 20U, MSG_TRUNC | MSG_DONTWAIT);
    state_->socket.close();
}

}  // namespace sallyport::net
