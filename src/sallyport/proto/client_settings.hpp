#pragma once
// Settings of the client machine, and what it reports: steps of a session, failures, attempts to open a data connection.
//
// Values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// Which address to connect to after a 227 (C4, CL-01).
enum class passive_address : std::uint8_t {
    // The peer of the control connection.
    control,
    // The address in the reply.
    follow,
    // The address in the reply, unless the server can't be reached there from where its control connection is reached: then
    // the peer of the control connection.
    repair
};

/// If the server does not reply to EPSV, or can't be reached at the port in the reply, for so long, PASV is sent: some
/// firewalls know only PASV. Or four round trips, if that is longer.
inline constexpr auto epsv_reply_wait = std::chrono::milliseconds(1000);
inline constexpr auto epsv_port_wait = std::chrono::milliseconds(3000);
inline constexpr int epsv_round_trips = 4;

/// The end of the first operation.
enum class open_until : std::uint8_t {
    greeting,
    // After explicit TLS is established, if it is required; otherwise the same as `greeting`.
    tls,
    login
};

struct client_settings {
    // The two ends of the control connection.
    endpoint local;
    endpoint peer;
    // Implicit TLS.
    bool tls_active = false;
    // No secret is sent before TLS is established.
    bool tls_required = false;
    // With TLS, PROT P is sent.
    bool protect_data = true;
    open_until until = open_until::login;
    std::string user = "anonymous";
    std::string password;
    // For servers that require ACCT (332).
    std::string account;
    std::vector<data_method> methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};
    passive_address address_rule = passive_address::control;
    // The address to send in PORT and EPRT if NAT changes it; otherwise the local address is sent.
    std::optional<ip_address> active_address;
    std::chrono::milliseconds greeting = limits::greeting_timeout;
    // The timeout after the first 120. Further 120 replies do not extend it.
    std::chrono::milliseconds delayed_greeting = limits::login_timeout;
    std::chrono::milliseconds reply = limits::reply_timeout;
    // Of the control connection.
    std::chrono::milliseconds round_trip{};
    // The timeout for each data method, except for EPSV before PASV.
    std::chrono::milliseconds data_open = std::chrono::seconds(8);
    std::chrono::milliseconds quit = std::chrono::seconds(1);
};

/// The step of a session at which a failure occurred. The driver sets `resolve`, `connect`, `local_file` and `listing`.
enum class client_step : std::uint8_t {
    resolve,
    connect,
    greeting,
    tls,
    login,
    request,
    data,
    transfer,
    local_file,
    listing,
    // The comparison of a complete copy with the server's file.
    verification
};
[[nodiscard]] std::string_view name(client_step s) noexcept;

struct client_failure {
    client_step at = client_step::request;
    error cause;
    // The code of the server's refusal; 0 if there was no reply.
    int reply_code = 0;
    // The refusal: its code and the text of all its lines.
    std::string refusal;
};

/// `refusal` is the server's reply, or nullptr if there was none.
[[nodiscard]] client_failure failure_at(client_step at, error cause, const reply* refusal);

/// One attempt to open a data connection.
struct data_attempt {
    data_method method = data_method::epsv;
    // Passive mode: the address that the client connected to. Active mode: the address in PORT or EPRT.
    endpoint target;
    // Passive mode: the address in the server's reply. It differs from `target` if the server does not know its external
    // address.
    endpoint advertised;
    // The server accepted the method. If the attempt failed nevertheless, the network is the cause.
    bool accepted = false;
    // Nothing if the attempt succeeded.
    std::optional<error> failure;
};

struct client_transfer {
    // RETR, STOR, APPE, LIST, NLST or MLSD.
    verb command = verb::retr;
    // May be empty for listings.
    std::string path;
    // The offset of REST, for RETR and STOR.
    std::uint64_t offset = 0;
    // TYPE A.
    bool ascii = false;
    // Another transfer follows: its EPSV or PASV is sent together with this request, so that its port is known at once. Not
    // together with NOOP, whose reply could be taken for that of the other.
    bool prepare_next = false;
    // With prepare_next, of an upload: client_machine::queue_size() for the file follows, so SIZE is sent together with it.
    bool size_follows = false;
};

}  // namespace sallyport::proto
