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
    selecting_backend,       // the driver's choice of a backend for a login
    awaiting_reply,          // the reply to a command that changes the session: nothing passes before it
    admitting_user,          // the driver's decision about a user whose password was right
    reserving_backend_port,  // the driver's port for the backend
    negotiating,             // the backend's reply to EPSV, PASV, EPRT or PORT
    reserving_client_port,   // the driver's port for the client
    transfer,                // the data connections' end and the backend's final reply
    awaiting_auth_reply,     // the backend's reply to AUTH, on which the client's depends
    starting_backend_tls,    // the handshake on the backend leg
    starting_client_tls,     // the handshake on the client leg
    ending_client_tls,       // the end of TLS on the client leg, after CCC
    passthrough,             // nothing: TLS passes between the legs unread
    closing,
};
[[nodiscard]] std::string_view name(relay_stage stage) noexcept;
/// Bytes of the leg may arrive. Between AUTH or CCC and the end of a handshake it is not known who has sent the client's.
[[nodiscard]] bool reads_client(relay_stage stage) noexcept;
[[nodiscard]] bool reads_backend(relay_stage stage) noexcept;

enum class relay_event : std::uint8_t {
    command_sent,       // one that changes the session, to the backend
    all_replied,        // no command is pending any more
    backend_requested,  // from the driver, for a login
    backend_found,
    backend_refused,      // there is none for this user
    admission_requested,  // the backend has accepted the login, the driver decides
    user_admitted,
    backend_port_requested,  // from the driver, for EPRT or PORT
    data_method_sent,        // EPSV, PASV, EPRT or PORT, to the backend
    client_port_requested,   // from the driver, for the client's EPSV or PASV
    negotiation_finished,    // with a data connection agreed on, or with a refusal
    transfer_started,
    transfer_finished,     // the client has its final reply, and the backend's has arrived or is given up
    auth_sent,             // to the backend
    auth_refused,          // by the backend
    auth_accepted,         // by the backend, and the handshake follows
    passthrough_accepted,  // by the backend, for the client's own TLS
    client_tls_offered,    // 234 to the client
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

/// All that there are.
[[nodiscard]] std::span<const relay_transition> relay_transitions() noexcept;
/// As a table in Markdown, for ARCHITECTURE.md: one row for each stage.
[[nodiscard]] std::string relay_transitions_page();

/// The stage of one session. It changes here alone.
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
