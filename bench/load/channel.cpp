#include <load/channel.hpp>
#include <load/records.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sallyport::load {
namespace {

constexpr std::size_t bulk = 1024 * 1024;

std::span<char> scratch() {
    static std::vector<char> buffer(bulk, 'x');
    return buffer;
}

/// A file in memory, so that sendfile needs no copy.
int bulk_file() {
    static const unique_fd file = [] {
        unique_fd made(::memfd_create("sallyport_load", MFD_CLOEXEC));
        const auto text = scratch();
        if (::write(made.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) made.reset();
        return made;
    }();
    return file.get();
}

/// In a large download, the reader is not woken for every packet.
void read_in_large_steps(int socket) {
    const int min_bytes = 256 * 1024;
    ::setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &min_bytes, sizeof min_bytes);
}

bool would_block(int os) { return os == EAGAIN || os == EWOULDBLOCK; }

}  // namespace

result<void> channel::connect(const sockaddr_in& to, const std::optional<sockaddr_in>& source) {
    close();
    state_ = {};
    ended_ = false;
    socket_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_) return fail_os(errno, "socket");
    // Measure the servers, and not the timers of a congestion control with pacing (BBR).
    constexpr std::string_view unpaced = "reno";
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_CONGESTION, unpaced.data(), static_cast<socklen_t>(unpaced.size()));
    const int on = 1;
    if (source) {
        ::setsockopt(socket_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&*source), sizeof *source) != 0)
            return fail_os(errno, "bind");
    }
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS)
        return fail_os(errno, "connect");
    return loop_.watch(socket_.get(), state_);
}

void channel::close() noexcept {
    tls_.reset();
    if (!socket_) return;
    loop_.unwatch(socket_.get());
    socket_.reset();
}

ssl_session channel::session() const { return ssl_session(tls_ ? SSL_get1_session(tls_.get()) : nullptr); }

task<result<void>> channel::start_tls(SSL_CTX* context, SSL_SESSION* resume) {
    tls_.reset(SSL_new(context));
    if (!tls_ || SSL_set_fd(tls_.get(), socket_.get()) != 1) co_return std::unexpected(tls_error("preparing TLS"));
    if (resume != nullptr) SSL_set_session(tls_.get(), resume);
    while (true) {
        auto outcome = tls_outcome(SSL_connect(tls_.get()), "TLS handshake");
        if (!outcome) co_return std::unexpected(outcome.error());
        if (*outcome) {
            if (**outcome == 0) co_return fail(errc::closed, "the server closed the connection in the TLS handshake");
            co_return result<void>{};
        }
        if (wants_write_) {
            co_await until_writable{state_};
        } else {
            co_await until_readable{state_};
        }
    }
}

result<std::optional<std::size_t>> channel::tls_outcome(int returned, const char* during) {
    if (returned > 0) return std::optional(static_cast<std::size_t>(returned));
    switch (SSL_get_error(tls_.get(), returned)) {
        case SSL_ERROR_WANT_READ:
            state_.readable = false;
            wants_write_ = false;
            return std::nullopt;
        case SSL_ERROR_WANT_WRITE:
            state_.writable = false;
            wants_write_ = true;
            return std::nullopt;
        case SSL_ERROR_ZERO_RETURN: return std::optional<std::size_t>(0);
        case SSL_ERROR_SYSCALL: return fail_os(errno, during);
        default: return std::unexpected(tls_error(during));
    }
}

result<std::optional<std::size_t>> channel::try_receive(char* into, std::size_t size, int flags) {
    if (ended_) return std::optional<std::size_t>(0);
    const auto count = ::recv(socket_.get(), into, size, flags);
    if (count < 0) {
        if (!would_block(errno)) return fail_os(errno, "recv");
        state_.readable = false;
        return std::nullopt;
    }
    // A short read has emptied the socket: the next event reports more data, and a peer that has closed sends none. Both
    // save a system call.
    if (static_cast<std::size_t>(count) < size) {
        if (state_.peer_closed) {
            ended_ = true;
        } else {
            state_.readable = false;
        }
    }
    return std::optional(static_cast<std::size_t>(count));
}

result<std::optional<std::size_t>> channel::try_read(std::span<char> into) {
    if (!tls_) return try_receive(into.data(), into.size(), 0);
    return tls_outcome(SSL_read(tls_.get(), into.data(), static_cast<int>(into.size())), "TLS read");
}

result<std::optional<std::size_t>> channel::try_write(std::string_view bytes) {
    if (tls_) return tls_outcome(SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())), "TLS write");
    const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return std::optional(static_cast<std::size_t>(count));
    if (!would_block(errno) && errno != ENOTCONN) return fail_os(errno, "send");
    state_.writable = false;
    wants_write_ = true;
    return std::nullopt;
}

task<result<std::size_t>> channel::read(std::span<char> into) {
    while (true) {
        // TLS may have buffered bytes, so it is always read first.
        if (!tls_) co_await until_readable{state_};
        auto outcome = try_read(into);
        if (!outcome) co_return std::unexpected(outcome.error());
        if (*outcome) co_return **outcome;
        if (!tls_) continue;
        if (wants_write_) {
            co_await until_writable{state_};
        } else {
            co_await until_readable{state_};
        }
    }
}

task<result<void>> channel::write(std::string_view bytes) {
    while (!bytes.empty()) {
        auto outcome = try_write(bytes);
        if (!outcome) co_return std::unexpected(outcome.error());
        if (*outcome) {
            bytes.remove_prefix(**outcome);
        } else if (wants_write_) {
            co_await until_writable{state_};
        } else {
            co_await until_readable{state_};
        }
    }
    co_return result<void>{};
}

task<result<void>> channel::drain(reception& into) { return tls_ ? drain_records(into) : drain_plain(into); }

task<result<void>> channel::drain_plain(reception& into) {
    std::uint64_t total = 0;
    while (true) {
        co_await until_readable{state_};
        // MSG_TRUNC: the kernel drops the bytes instead of copying them.
        auto outcome = try_receive(nullptr, std::size_t{1} << 30, MSG_TRUNC);
        if (!outcome) co_return std::unexpected(outcome.error());
        if (!*outcome) continue;
        if (**outcome == 0) co_return result<void>{};
        into.add(**outcome);
        if (total < bulk && total + **outcome >= bulk) read_in_large_steps(socket_.get());
        total += **outcome;
    }
}

task<result<void>> channel::drain_records(reception& into) {
    // OpenSSL reads the tickets and its buffered bytes; after that, the socket is at a record boundary.
    SSL_set_read_ahead(tls_.get(), 0);
    do {
        auto got = co_await read(scratch());
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) co_return result<void>{};
        into.add(*got);
    } while (SSL_has_pending(tls_.get()) == 1);

    record_tally tally(SSL_version(tls_.get()) >= TLS1_3_VERSION);
    record_header header{};
    std::size_t held = 0;       // of the header
    std::size_t body = 0;       // still to come
    std::uint64_t counted = 0;  // of the content
    while (true) {
        co_await until_readable{state_};
        auto outcome = body > 0 ? try_receive(nullptr, body, MSG_TRUNC)
                                : try_receive(reinterpret_cast<char*>(header.data()) + held, header.size() - held, 0);
        if (!outcome) co_return std::unexpected(outcome.error());
        if (!*outcome) continue;
        if (**outcome == 0 && (held > 0 || body > 0)) co_return fail(errc::truncated, "the end came within a TLS record");
        if (**outcome == 0) break;
        if (body > 0) {
            body -= **outcome;
            if (body > 0) continue;
            into.add(tally.content() - counted);
            counted = tally.content();
            if (tally.ended()) break;  // vsftpd ends the connection after us only
            continue;
        }
        held += **outcome;
        if (held < header.size()) continue;
        held = 0;
        auto size = tally.add(header);
        if (!size) co_return std::unexpected(size.error());
        body = *size;
    }
    co_return result<void>{};
}

task<result<void>> channel::expect(std::string_view content) {
    while (true) {
        auto got = co_await read(scratch());
        if (!got) co_return std::unexpected(got.error());
        const std::string_view bytes(scratch().data(), *got);
        if (bytes != content.substr(0, bytes.size())) co_return fail(errc::unexpected, "other content than expected");
        content.remove_prefix(bytes.size());
        if (!bytes.empty()) continue;
        if (!content.empty()) co_return fail(errc::truncated, "less content than expected");
        co_return result<void>{};
    }
}

task<result<void>> channel::fill(std::uint64_t size) {
    while (size > 0) {
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size, bulk));
        if (tls_ || part < bulk) {
            auto written = co_await write({scratch().data(), part});
            if (!written) co_return written;
            size -= part;
            continue;
        }
        off_t from = 0;
        while (from < static_cast<off_t>(part)) {
            const auto count = ::sendfile(socket_.get(), bulk_file(), &from, part - static_cast<std::size_t>(from));
            if (count >= 0) continue;
            if (!would_block(errno) && errno != ENOTCONN) co_return fail_os(errno, "sendfile");
            state_.writable = false;
            co_await until_writable{state_};
        }
        size -= part;
    }
    co_return result<void>{};
}

task<result<void>> channel::finish() {
    if (!tls_) co_return result<void>{};
    SSL_shutdown(tls_.get());
    ::shutdown(socket_.get(), SHUT_WR);
    // Closing with received bytes in the buffer (session tickets) would send RST, and the peer could lose the end of an
    // upload.
    while (true) {
        if (!state_.readable) co_await until_readable{state_};
        auto outcome = try_receive(scratch().data(), scratch().size(), 0);
        if (!outcome || (*outcome && **outcome == 0)) co_return result<void>{};
    }
}

}  // namespace sallyport::load
