#pragma once
// AUTH, PBSZ, PROT and CCC at a gateway: what protects the client leg, and how the backend leg follows it where it has to
// (G10, RFC 4217). What protects the backend leg's data is state of relay_backend_leg. A value of one machine; one thread.
//
// If both legs have TLS alike, the backend leg comes first: the client gets 234 only when there is TLS to match its own. If
// the client's ClientHello decides where TLS ends, 234 has to come before the handshake of the backend leg.

#include <cstddef>
#include <optional>

#include <sallyport/proto/client_side/protection.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/relay_backend_leg.hpp>
#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/relay_transitions.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class relay_protection {
public:
    explicit relay_protection(const relay_settings& settings) noexcept;

    [[nodiscard]] const client_protection& client() const noexcept { return client_; }

    /// AUTH, PBSZ, PROT, CCC or REIN is refused; 421 ends the session. `pending_bytes`: the number of bytes that arrived
    /// after the command.
    [[nodiscard]] std::optional<local_reply> refuse(const command& cmd, std::size_t pending_bytes,
                                                    const relay_settings& settings);
    /// AUTH, PBSZ, PROT or CCC, which was not refused. Nothing: the client has its reply.
    [[nodiscard]] std::optional<relay_event> handle(const command& cmd, const relay_settings& settings, bool logged_in,
                                                    relay_backend_leg& backend, relay_output& out);
    /// The backend's final reply to AUTH.
    [[nodiscard]] relay_event on_auth_reply(const reply& r, const relay_settings& settings, relay_output& out);
    /// `passes`: TLS does; otherwise it ends here. `connected`: to a backend; if not, the next login begins TLS with it.
    [[nodiscard]] relay_event on_client_hello(bool passes, bool connected) noexcept;
    /// The backend's final reply to the client's PROT.
    void on_prot_reply(const reply& r, bool protect, relay_backend_leg& backend);
    [[nodiscard]] relay_event backend_tls_started(relay_output& out);
    /// Where TLS protects one leg only, bytes 0xFF of a reply of the backend are doubled for the other (RFC 854), or are not
    /// doubled any more.
    void convert_telnet(reply& r, const relay_output& out) const;
    /// A reply as the client receives it, with the bytes that it means.
    [[nodiscard]] reply unescaped(reply to_client) const;
    void client_tls_started() noexcept {
        client_.tls_started();
        offered_ = false;
    }
    /// The client has 234, and its handshake is not complete: a reply in clear would be no part of it.
    [[nodiscard]] bool awaits_handshake(relay_stage stage) const noexcept;
    /// The session ends with this text after the handshake; the first one counts. `out` forgets the backend. Nothing: the
    /// handshake has begun, or will when the client's hello is read.
    [[nodiscard]] std::optional<relay_event> end_after_handshake(relay_stage stage, std::string_view text,
                                                                 relay_backend_leg& backend, relay_output& out);
    [[nodiscard]] const std::optional<std::string>& end_text() const noexcept { return end_text_; }
    void client_tls_ended() noexcept { client_.tls_ended(); }
    /// REIN: TLS stays, PBSZ and PROT are reset.
    void reset_levels() noexcept { client_.reset_levels(); }

private:
    [[nodiscard]] std::optional<relay_event> handle_prot(const command& cmd, const relay_settings& settings, bool logged_in,
                                                         relay_backend_leg& backend, relay_output& out);

    client_protection client_;
    // The client has 234 already.
    bool offered_ = false;
    std::optional<std::string> end_text_;
};

}  // namespace sallyport::proto
