#pragma once
// One TCP connection with or without TLS, non-blocking, on one event loop: a control or data connection.
//
// Owns the connection, and must not outlive its loop. Loop thread only. Each wait has a time_limit (C3). Errors:
// errc::timeout, closed, reset, cancelled, tls, and truncated if the peer ended a TLS stream without close_notify (TLS-05).
// At most one read and one write may be pending at a time, also together; a stream may be moved only while none is.

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
#include <sallyport/base/memory_budget.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/pipe.hpp>
#include <sallyport/net/tls.hpp>

namespace sallyport::net {

/// TCP keepalive settings of a socket (S5).
struct keepalive {
    std::chrono::seconds idle{};
    std::chrono::seconds interval{};
    // 0: off.
    int count = 0;
};

/// How much a sender prepares for the peer at a time, so that a slow peer's transfer holds little that could not be sent
/// (RX-03). A large piece has a lease of as many bytes, which the sender keeps until the piece was sent.
struct send_piece {
    std::size_t size = 0;
    memory_budget::lease lease;
};

struct stream_state;

class stream {
public:
    /// A stream that is not open.
    stream() noexcept;
    /// Takes over a connected, non-blocking socket with set_stream_options(), usually from a listener.
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
    /// The round-trip time that TCP has measured.
    [[nodiscard]] std::chrono::microseconds round_trip() const;

    /// Reads the available bytes, at least one. Returns 0 if the peer has finished its direction (FIN; with TLS
    /// close_notify). `into` is filled after the last wait, so it may be a part of thread_buffer().
    task<result<std::size_t>> read_some(std::span<char> into, time_limit limit);
    /// Waits until read_some() may have something to return, for callers that hold no buffer while they wait. REQUIRES:
    /// read_some() has just timed out.
    task<result<void>> wait_readable(time_limit limit);
    /// The same as read_some() into an empty pipe, without copying. REQUIRES: !is_tls().
    task<result<std::size_t>> splice_some(const pipe& into, time_limit limit);
    /// Wakes readers only if this many bytes are available, at the end, or at the deadline. REQUIRES: !is_tls().
    void set_low_watermark(std::size_t bytes);
    /// The next piece, of at most `max` bytes. It is small if the last write had to wait for the peer, if the kernel accepts
    /// little, or if large_buffers() has no lease for more than a TLS record.
    [[nodiscard]] send_piece next_piece(std::size_t max) const noexcept;
    /// Writes all of `bytes`.
    task<result<void>> write_all(std::string_view bytes, time_limit limit);
    /// Writes a small amount directly before shutdown_send() or close(): the FIN, and with TLS the close_notify, is then
    /// sent in the same packet.
    task<result<void>> write_and_finish(std::string_view bytes, time_limit limit);
    /// Sends bytes of a file from `offset` on: without TLS directly from the page cache (sendfile), otherwise in full TLS
    /// records. `progress` is increased as bytes are sent. In a large transfer, an incomplete packet waits up to 200 ms for
    /// more bytes. Ends early, without an error, at the end of the file: compare the result with `count`. The file's pages
    /// should be in memory, as reading the disk blocks the loop.
    task<result<std::uint64_t>> send_file(int file, std::uint64_t offset, std::uint64_t count, time_limit limit,
                                          std::uint64_t& progress);

    /// True if the peer has finished its direction or the connection has failed, even if there are bytes that have not been
    /// read.
    [[nodiscard]] bool peer_has_finished() const noexcept;
    /// The same, and there are no such bytes: nothing more can be done for the peer.
    [[nodiscard]] bool peer_has_left() const noexcept;
    /// The connection has failed: the peer has reset it, as it does with bytes for a closed socket, or cannot be reached.
    [[nodiscard]] bool has_failed() const noexcept;

    /// Ends a pending read_some with errc::cancelled. No effect if none is pending.
    void interrupt_read();

    /// Starts TLS as the server or the client. The caller must have processed all bytes that it has read (TLS-01), as
    /// OpenSSL reads the socket from now on. Pass the options as named objects: g++ 12 destroys a braced temporary with a
    /// string in it twice if it is part of a co_await expression.
    task<result<void>> accept_tls(const tls_server_context& context, const tls_accept_options& options, time_limit limit);
    task<result<void>> connect_tls(const tls_client_context& context, const tls_connect_options& options, time_limit limit);
    [[nodiscard]] bool is_tls() const noexcept;
    /// REQUIRES: is_tls()
    [[nodiscard]] tls_facts tls() const;
    /// The name in this field of the peer's certificate, empty if the field is missing. Nothing without a certificate.
    /// REQUIRES: is_tls()
    [[nodiscard]] std::optional<std::string> peer_name(certificate_field field) const;
    /// The newest session of this connection, for resumption on data connections (client side). Empty if there is none yet.
    [[nodiscard]] tls_session session() const;
    /// With TLS 1.3, sends the client a new ticket before the next write, as some clients use each ticket only once.
    void offer_ticket();

    /// Ends TLS: sends close_notify and waits up to `wait` for the peer's. Then the connection continues unencrypted (CCC)
    /// or is closed. With 0 it does not wait. Some peers continue unencrypted without a close_notify; that ends TLS too, as
    /// no data can be truncated.
    task<result<void>> end_tls(clock::duration wait);

    /// Finishes the sending direction with a FIN, and with TLS a close_notify before it; waits up to `wait` if the send
    /// buffer is full. To be sure that the peer has received everything, call read_some until it returns 0.
    task<result<void>> shutdown_send(clock::duration wait);
    /// Closes the connection. Pending operations end as cancelled. local() and peer() stay valid.
    void close() noexcept;
    /// Closes the connection with RST, so that the peer does not mistake what it has for complete.
    void abort() noexcept;

private:
    friend const std::shared_ptr<stream_state>& state_of(const stream& s);
    // Shared with pending operations.
    std::shared_ptr<stream_state> state_;
};

/// Closes a data connection after its last byte, whichever peer sent the data. With TLS it sends close_notify, unless
/// shutdown_send() has done so, and keeps the connection open until the peer has finished too, for
/// limits::close_notify_timeout at most; received bytes are dropped. A peer that gets a reset for its own close_notify
/// treats the transfer as failed (vsftpd's strict_ssl_write_shutdown). Without TLS the connection is closed at once.
void close_gracefully(stream s);

struct connect_options {
    // Local address and port; port 0 or an unspecified address mean any (S1).
    endpoint bind_to{};
    // Allows several connections from one local port (active mode from port 20).
    bool reuse_address = false;
    /// Called with the local endpoint before, or very shortly after, the peer's program can accept the connection.
    std::function<void(const endpoint& local)> on_local{};
};

task<result<stream>> connect(loop& l, endpoint to, connect_options options, time_limit limit);

/// All addresses of a host name, in the system's order of preference; an address literal is returned as it is. The lookup
/// runs in a pool and never blocks the loop. Errors: errc::unresolved, errc::timeout.
task<result<std::vector<ip_address>>> resolve(loop& l, std::string host, time_limit limit);

}  // namespace sallyport::net
