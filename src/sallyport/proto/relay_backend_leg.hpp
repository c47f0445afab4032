#pragma once
// The control connection with the backend, as a relay machine sees it: the server, whether it is connected, its replies, and
// the protection of its data connections (PBSZ and PROT, RFC 4217). A value of one machine; one thread.

#include <cstddef>
#include <string>
#include <string_view>

#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class relay_backend_leg {
public:
    /// The driver has a connection, and the server has sent its greeting.
    void connect(const relay_backend& server, relay_output& out);
    /// The connection cannot be used any more. What is known about the server is kept until the next connect().
    void release(relay_output& out);
    /// The session ends in order: the server is sent QUIT, if it is connected.
    void quit(relay_output& out) {
        if (connected_) (void)out.send_command({verb::quit, "QUIT", {}}, reply_kind::discarded);
    }
    [[nodiscard]] bool is_connected() const noexcept { return connected_; }
    [[nodiscard]] const relay_backend& server() const noexcept { return server_; }
    /// The server does not support the command.
    void add_refused(data_method method) { server_.refused.insert(method); }

    void append(std::string_view bytes) { replies_.append(bytes); }
    [[nodiscard]] reply_parser::status next(reply& out) { return replies_.next(out); }
    [[nodiscard]] const error& failure() const noexcept { return replies_.failure(); }
    /// The number of bytes received that are not part of a complete reply.
    [[nodiscard]] std::size_t pending_bytes() const noexcept { return replies_.pending(); }
    [[nodiscard]] bool reply_begun() const noexcept { return !replies_.only_blank(); }

    /// TLS follows the client's: AUTH and PROT are the client's on both legs.
    [[nodiscard]] bool matches_client() const noexcept { return server_.match_tls; }
    /// PROT P is in force.
    [[nodiscard]] bool data_protected() const noexcept { return data_protected_; }
    /// Sends PROT, and PBSZ before the first one; `kind` is that of PROT's reply.
    void send_prot(bool protect, reply_kind kind, relay_output& out);
    /// After a login over TLS, requests TLS for data too, unless this leg follows a client that has not sent PROT P.
    void protect_after_login(bool client_data_protected, relay_output& out);
    /// The server has accepted the level.
    void set_data_protected(bool yes) noexcept { data_protected_ = yes; }

private:
    relay_backend server_;
    reply_parser replies_;
    bool connected_ = false;
    bool data_protected_ = false;
    bool pbsz_sent_ = false;
};

}  // namespace sallyport::proto
