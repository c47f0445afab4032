#pragma once
// What the client's machine is given and what it says: settings, steps of a session, failures, ways to a data connection.
// Plain values; any thread.

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

/// What to do with the address in a 227: ignore it and connect to the control connection's peer, or obey it (C4, CL-01).
enum class passive_address : std::uint8_t { peer, reply };

/// How far the first order goes.
enum class open_until : std::uint8_t {
    greeting,
    // Explicit TLS stands, where it is required. Without TLS the same as `greeting`.
    tls,
    login
};

struct client_settings {
    endpoint local;  // of the control connection
    endpoint peer;
    bool tls_active = false;    // implicit TLS: protected from the first byte
    bool tls_required = false;  // nothing secret leaves before TLS stands
    bool protect_data = true;   // PROT P where TLS stands
    open_until until = open_until::login;
    std::string user = "anonymous";
    std::string password;
    std::string account;  // for servers that ask for one (332)
    std::vector<data_method> methods{data_method::epsv, data_method::pasv, data_method::eprt, data_method::port};
    passive_address address_rule = passive_address::peer;
    std::optional<ip_address> active_address;  // announced instead of our own, where NAT makes it differ
    std::chrono::milliseconds greeting = limits::greeting_timeout;
    std::chrono::milliseconds delayed_greeting = limits::login_timeout;  // after the first 120; more of them don't extend it
    std::chrono::milliseconds reply = limits::reply_timeout;
    std::chrono::milliseconds data_open = std::chrono::seconds(8);  // per method tried
    std::chrono::milliseconds quit = std::chrono::seconds(1);
};

/// Where in a session something failed. `resolve`, `connect`, `local_file` and `listing` are for the driver to use.
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
    listing
};
[[nodiscard]] std::string_view name(client_step s) noexcept;

struct client_failure {
    client_step at = client_step::request;
    error cause;
    int reply_code = 0;   // where the server refused; 0: it didn't say anything
    std::string refusal;  // the reply that refused: its code and the text of all its lines
};

/// With the words of the server's refusal, where there is one.
[[nodiscard]] client_failure failure_at(client_step at, error cause, const reply* refusal);

/// One way that was tried to open a data connection.
struct data_attempt {
    data_method method = data_method::epsv;
    endpoint target;               // passive: what we connected to; active: what we announced
    endpoint advertised;           // passive: what the server's reply named; differs from `to` behind a wrong NAT
    bool accepted = false;         // the server accepted the method; where it failed all the same, the network is to blame
    std::optional<error> failure;  // nothing: it worked
};

struct client_transfer {
    verb command = verb::retr;  // RETR STOR APPE LIST NLST MLSD
    std::string path;           // may be empty for listings
    std::uint64_t offset = 0;   // REST; for RETR and STOR
    bool ascii = false;         // TYPE A
};

}  // namespace sallyport::proto
