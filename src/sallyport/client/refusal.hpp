#pragma once
// The reason for which a server refused, from the text of its reply; the codes alone do not show it. A pure function on
// values; any thread.

#include <cstdint>

#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

enum class refusal : std::uint8_t {
    other,
    /// The login or the data connection must be encrypted.
    needs_tls,
    /// A limit of users, connections or sessions; a later attempt may succeed.
    too_many,
};

/// `encrypted`: control and data connections are both encrypted, so the reason cannot be missing TLS.
[[nodiscard]] refusal reason_of(const proto::client_failure& failed_step, bool encrypted);

}  // namespace sallyport::client
