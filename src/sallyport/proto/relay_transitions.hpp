#pragma once
// The stages of a relay machine, and the one table of the transitions between them. An event that has no row for the present
// stage is a bug in the machine: a debug build stops there, any other build closes the session. Values; relay_stages belongs
// to one machine and one thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::proto {

/// What the session waits for. Commands of the client are handled in `open`, and ABOR and STAT in `transfer`.
enum class relay_stage : std::uint8_t {
    open,
    // The driver's selection of a backend for a login.
    selecting_backend,
    // The reply to a command that changes the session: nothing passes before it.
    awaiting_reply,
    // The driver's decision about a user whose password was right.
    admitting_user,
    // The driver's port for the backend.
    reserving_backend_port,
    // The backend's reply to EPSV, PASV, EPRT or PORT.
    negotiating,
    // The kernel's opening for the port that the backend has accepted.
    opening_backend_port,
    // The driver's port for the client.
    reserving_client_port,
    // The data connections' end and the backend's final reply.
    transfer,
    // The backend's reply to AUTH, on which the client's depends.
    awaiting_auth_reply,
    // The client's first bytes of TLS, by which the driver decides where TLS ends.
    awaiting_client_hello,
    // The handshake on the backend leg.
    starting_backend_tls,
    // The handshake on the client leg.
    starting_client_tls,
    // The end of TLS on the client leg, after CCC.
    ending_client_tls,
    // The session waits for nothing: TLS passes between the legs without being read.
    passthrough,
    closing,
};
[[nodiscard]] std::string_view name(relay_stage stage) noexcept;
/// Bytes of the leg may arrive. Between AUTH or CCC and the end of a handshake it is not known who has sent the client's.
[[nodiscard]] bool reads_client(relay_stage stage) noexcept;
[[nodiscard]] bool reads_backend(relay_stage stage) noexcept;

enum class relay_event : std::uint8_t {
    // The backend was sent a command that changes the session.
    command_sent,
    // The backend has replied to all commands.
    all_replied,
    // The driver chooses a backend for a login.
    backend_requested,
    backend_found,
    // There is no backend for this user.
    backend_refused,
    // The backend has accepted the login, and the driver decides about the user.
    admission_requested,
    user_admitted,
    // The driver reserves a port for EPRT or PORT to the backend.
    backend_port_requested,
    // The backend was sent EPSV, PASV, EPRT or PORT.
    data_method_sent,
    // The backend has accepted EPRT or PORT, and the driver opens that port.
    backend_opening_requested,
    // The driver reserves a port for the client's EPSV or PASV.
    client_port_requested,
    // Data connections were agreed on, or the client's method was refused.
    negotiation_finished,
    transfer_started,
    // The client has its final reply, and the backend's has arrived or is missing for good.
    transfer_finished,
    // The backend was sent AUTH.
    auth_sent,
    // The backend has refused AUTH.
    auth_refused,
    // The backend has accepted AUTH, and so has the client: it is not decided yet where TLS ends.
    client_hello_requested,
    // The backend has accepted AUTH, and the handshake follows.
    auth_accepted,
    // The backend has accepted AUTH, and the client's own TLS passes.
    passthrough_accepted,
    // The client was sent 234.
    client_tls_offered,
    client_tls_started,
    ccc_accepted,
    client_tls_ended,
    session_ended,
};
[[nodiscard]] std::string_view name(relay_event event) noexcept;

struct relay_transition {
    relay_stage from;
    relay_event event;
    relay_stage to;

    friend bool operator==(const relay_transition&, const relay_transition&) = default;
};

/// The table: all legal transitions.
[[nodiscard]] std::span<const relay_transition> relay_transitions() noexcept;
/// As a table in Markdown, for ARCHITECTURE.md: one row for each stage.
[[nodiscard]] std::string relay_transitions_page();

/// The stage of one session; take() is the only way to change it.
class relay_stages {
public:
    [[nodiscard]] relay_stage now() const noexcept { return now_; }
    /// REQUIRES: the table has a row for it.
    void take(relay_event event) noexcept;
    /// The rows of relay_transitions() that were taken, one bit each; for tests.
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

private:
    relay_stage now_ = relay_stage::open;
    std::uint64_t taken_ = 0;
};

}  // namespace sallyport::proto
