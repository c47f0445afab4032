#pragma once
// One TCP connection, with or without TLS on it, non-blocking, on one loop: control and data connections alike.
//
// Every wait takes a time_limit; nothing waits for ever (C3). Errors: errc::timeout, closed, reset, cancelled, tls,
// truncated (the peer ended a TLS stream without close_notify, TLS-05). Movable only while nothing is pending on it.
// At most one read and one write may be pending at a time; they may be pending together.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/pipe.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::net {

/// TCP keepalive as set on each socket by the program itself (S5).
struct keepalive {
    std::chrono::seconds idle{};
    std::chrono::seconds interval{};
    int count = 0;  // 0: off
};

struct stream_state;

class stream {
public:
    stream() noexcept;  // not open
    /// Takes a connected, non-blocking socket that has set_stream_options(): one from a listener, as a rule.
    stream(loop& l, unique_fd socket, const endpoint& local, const endpoint& peer);
    ~stream();
    stream(stream&&) noexcept;
    stream& operator=(stream&&) noexcept;

    [[nodiscard]] bool is_open() const noexcept;
    [[nodiscard]] const endpoint& local() const noexcept;
    [[nodiscard]] const endpoint& peer() const noexcept;
    [[nodiscard]] int native_handle() const noexcept;
    [[nodiscard]] loop& owner() const noexcept;

    void set_keepalive(const keepalive& k);
    /// As measured by TCP so far.
    [[nodiscard]] std::chrono::microseconds round_trip() const;

    /// What is there, at least one byte. 0: the peer ended its direction in good order (FIN; under TLS close_notify).
    task<result<std::size_t>> read_some(std::span<char> into, time_limit limit);
    /// The same into an empty pipe, without copying. REQUIRES: !is_tls().
    task<result<std::size_t>> splice_some(const pipe& into, time_limit limit);
    /// Reading need not be woken before so much is there, or the end, or the deadline. REQUIRES: !is_tls().
    void set_low_watermark(std::size_t bytes);
    /// All of `bytes`.
    task<result<void>> write_all(std::string_view bytes, time_limit limit);
    /// For a little that finish_sending() or close() follows at once: the end of the stream, and under TLS its close_notify,
    /// then travels in the same packet.
    task<result<void>> write_and_finish(std::string_view bytes, time_limit limit);
    /// Bytes of a file from `offset` on, straight from the page cache where there is no TLS (sendfile), else in full TLS
    /// records. `progress` is advanced as bytes leave. Of much, the last part of a packet waits for what follows, a moment
    /// at most. Ends early, without an error, at the end of the file: compare the result with `count`. The file's pages
    /// should be resident: reading the disk blocks the loop.
    task<result<std::uint64_t>> send_file(int file, std::uint64_t offset, std::uint64_t count, time_limit limit,
                                          std::uint64_t& progress);

    /// Whether the peer is known to have ended its direction, or broken the connection, whatever it has sent before that and
    /// nobody has read yet.
    [[nodiscard]] bool peer_has_finished() const noexcept;

    /// Ends a pending read_some with errc::cancelled. No effect where none is pending.
    void interrupt_read();

    /// TLS as the accepting or the connecting side. What was read before must have been used up by the caller (TLS-01):
    /// from here on OpenSSL reads the socket. Pass options as named objects: g++ 12 destroys a braced temporary with a
    /// string in it twice when it stands inside a co_await.
    task<result<void>> accept_tls(const tls_server_context& context, const tls_accept_options& options, time_limit limit);
    task<result<void>> connect_tls(const tls_client_context& context, const tls_connect_options& options, time_limit limit);
    [[nodiscard]] bool is_tls() const noexcept;
    [[nodiscard]] tls_facts tls() const;  // REQUIRES: is_tls()
    /// Whom the peer's certificate names, empty where it names nobody there. Nothing without a certificate. REQUIRES:
    /// is_tls()
    [[nodiscard]] std::optional<std::string> peer_name(certificate_field field) const;
    /// The newest session of this connection, for resumption on data connections (client side). Empty where none came yet.
    [[nodiscard]] tls_session session() const;
    /// Sends the client a fresh ticket ahead of the next write, where TLS 1.3 has use for one: some clients use each only
    /// once.
    void offer_ticket();

    /// Sends close_notify and waits for the peer's, at most `wait`; then the connection goes on in plain text (CCC) or is
    /// closed. Not waiting (0) sends only. A peer that goes on in plain text without a close_notify of its own has ended TLS
    /// as well: some do, and there was nothing to cut.
    task<result<void>> end_tls(clock::duration wait);

    /// FIN: no more bytes from us. Under TLS close_notify first, for which there may be no room for `wait` at most. To be
    /// sure that the peer has everything, go on with read_some until it returns 0.
    task<result<void>> shutdown_send(clock::duration wait);
    /// Pending operations end as cancelled. local() and peer() stay.
    void close() noexcept;
    /// Close by RST: the peer must not take what it has for complete.
    void abort() noexcept;

private:
    friend const std::shared_ptr<stream_state>& state_of(const stream& s);
    std::shared_ptr<stream_state> state_;  // shared with its pending operations
};

/// For a data connection after its last byte, whichever side sent the data. Under TLS our close_notify is sent, if
/// finish_sending() has not done so, and the connection stays open until the peer has ended its direction too, for
/// limits::close_notify_timeout at most, and what comes meanwhile is dropped: a peer whose own close_notify meets a closed
/// connection takes the transfer for broken (vsftpd's strict_ssl_write_shutdown). Without TLS it is closed at once.
void close_gracefully(stream s);

struct connect_options {
    endpoint bind_to{};          // address and port to come from; port 0 any, unspecified address any (S1)
    bool reuse_address = false;  // several connections from one bound port (active mode from port 20)
    /// Called with our own end before the peer's program can see the connection, or hardly later.
    std::function<void(const endpoint& local)> on_local{};
};

task<result<stream>> connect(loop& l, endpoint to, connect_options options, time_limit limit);

/// All addresses of a host name, in the system's order of preference; literals are taken as they are. The look-up runs in
/// a pool and never blocks the loop. errc::unresolved, errc::timeout.
task<result<std::vector<ip_address>>> resolve(loop& l, std::string host, time_limit limit);

}  // namespace sallyport::net
