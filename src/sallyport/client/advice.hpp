#pragma once
// What is known of a failed call is turned into its causes, and so into advice (C6). Pure functions; any thread.

#include <string>
#include <vector>

#include <sallyport/client/client.hpp>

namespace sallyport::client {

enum class operation : std::uint8_t { open, get, put, list };

/// What is known of a session when something fails.
struct failure_context {
    url location;
    endpoint peer;  // of the control connection; port 0: it never stood
    std::vector<attempt> attempts;
    std::string path;
    operation current = operation::open;
    std::string user = "anonymous";
    bool protect_data = true;  // where there is TLS
    /// Get and put: the receiver has kept a part of the file, and transferring the rest of it would complete it.
    bool can_resume = false;
};

/// "EPSV: no answer from 192.0.2.1:5001; PASV: ...": how each way to a data connection ended.
[[nodiscard]] std::string describe_attempts(const std::vector<attempt>& attempts);

/// The causes, in the order in which a person should think of them.
[[nodiscard]] std::vector<advice> advise(const proto::client_failure& failed_step, const failure_context& known);

/// The whole failure: `doing` is "getting x from HOST:PORT".
[[nodiscard]] failure make_failure(proto::client_failure failed_step, const failure_context& known, std::string action);

}  // namespace sallyport::client
