#pragma once
// Why a server refused, as far as its words tell: the codes alone don't. A pure function; any thread.

#include <cstdint>

#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

enum class refusal : std::uint8_t {
    other,
    needs_tls,  // the login, or the data, have to be encrypted
    too_many,   // a limit of users, connections or sessions: another time it may work
};

/// `encrypted`: control and data connections are both protected, so that it can't be TLS that is missing.
[[nodiscard]] refusal reason_of(const proto::client_failure& failed_step, bool encrypted);

}  // namespace sallyport::client
