#pragma once
// The control connection of a server's session: reads, writes, TLS, and its end. The machine decides what is sent.
//
// Owned by the session, which outlives every call. Loop thread only; one read at a time.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/frontend/session.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/reach/passive_mode.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

class control_connection {
public:
    /// Takes the connection out of `from`.
    control_connection(const session_context& shared, frontend::admitted_connection& from);

    [[nodiscard]] const net::stream& stream() const noexcept { return stream_; }
    [[nodiscard]] const endpoint& peer() const noexcept { return stream_.peer(); }
    /// What the client connected to.
    [[nodiscard]] const endpoint& client_destination() const noexcept { return client_destination_; }
    /// The names in the client's certificate and its fingerprint, as account::certificates has them; empty without one.
    [[nodiscard]] std::vector<std::string> certificate_names() const;
    /// The context of its TLS sessions; random, and empty where there is no TLS.
    [[nodiscard]] const std::string& tls_session_context() const noexcept { return tls_session_context_; }
    /// The request for a passive port of session `id`. `protect`: PROT P. If TLS sessions can be resumed, the client then
    /// gets a ticket for its data connection.
    [[nodiscard]] reach::passive_request passive_caller(std::string id, bool protect);

    /// Bytes of the client, valid until the next read; empty when the client has closed its sending side, see input_ended().
    net::task<result<std::string_view>> read(net::deadline until);
    /// Writes the output of `machine`, including what is added meanwhile. If another call is writing, it returns at once.
    net::task<> flush(proto::server_machine& machine);
    net::task<result<void>> start_tls(net::deadline until);
    net::task<result<void>> end_tls();
    /// Closes the connection after the last reply. `client_quit`: the client has sent QUIT and sends nothing more.
    net::task<> shut_down(bool client_quit);

    /// The client has closed its sending side, and all of its bytes were read.
    [[nodiscard]] bool input_ended() const noexcept { return input_ended_; }
    /// Nothing can be sent any more.
    [[nodiscard]] bool is_broken() const noexcept { return broken_; }
    /// The client has closed its sending side, even if bytes are unread, or the connection is broken.
    [[nodiscard]] bool client_disconnected() const { return input_ended_ || broken_ || stream_.peer_has_finished(); }
    /// The client has reset the connection, even if that has not been read.
    [[nodiscard]] bool is_lost() const { return broken_ || stream_.has_failed(); }
    /// A waiting read returns errc::cancelled.
    void interrupt_read() { stream_.interrupt_read(); }
    void close() { stream_.close(); }
    /// Sends a reply, if that is possible without waiting and without TLS, and closes. For a session without memory.
    void close_with(std::string_view reply) noexcept;
    /// Closes with RST; waiting operations return.
    void abort();

private:
    const session_context& shared_;
    net::stream stream_;
    const endpoint client_destination_;
    std::string tls_session_context_;
    // What flush() sends.
    std::string writing_;
    bool flushing_ = false;
    bool input_ended_ = false;
    bool broken_ = false;
    // Small, as ten thousand idle sessions have one each.
    std::array<char, 2048> buffer_;
};

}  // namespace sallyport::server
