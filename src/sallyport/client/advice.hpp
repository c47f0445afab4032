#pragma once
// Derives the possible causes of a failed call, and so the advice to the user, from what is known of it (C6). Pure
// functions on values; any thread.

#include <string>
#include <vector>

#include <sallyport/client/client.hpp>

namespace sallyport::client {

enum class operation : std::uint8_t { open, get, put, list, change };

/// The state of a session at the time of a failure.
struct failure_context {
    url location;
    /// Peer of the control connection, the server also through a proxy; port 0 if it was never established.
    endpoint peer;
    std::vector<attempt> attempts;
    std::string path;
    operation current = operation::open;
    std::string user = "anonymous";
    server_identity identity{};
    /// Data connections are encrypted if the session uses TLS.
    bool protect_data = true;
    /// For get and put: the receiver has stored a part of the file, and a transfer with resume would complete it.
    bool can_resume = false;
    bool through_proxy = false;
    /// Not the server, but the proxy on the way to it is the reason.
    bool failed_at_proxy = false;
};

/// The result of each data method: "EPSV: no answer from 192.0.2.1:5001; PASV: ...".
[[nodiscard]] std::string describe_attempts(const std::vector<attempt>& attempts);

/// The possible causes, the most likely one first.
[[nodiscard]] std::vector<advice> advise(const proto::client_failure& failed_step, const failure_context& known);

/// The complete failure. `action` is "getting x from HOST:PORT".
[[nodiscard]] failure make_failure(proto::client_failure failed_step, const failure_context& known, std::string action);

}  // namespace sallyport::client
