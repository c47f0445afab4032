#pragma once
// Which replies a command can have, as far as the code tells (RFC 959 section 5.4, RFC 2228, 2389, 2428, 3659, 4217).
//
// A server that sends one reply too many shifts all that follow: each is taken for the answer to the next command. Codes
// that name one service (230, 227, 226 ...) show that; 200 and refusals can answer almost anything. Pure functions; any
// thread; nothing throws.

#include <cstdint>
#include <optional>

#include <sallyport/proto/command.hpp>

namespace sallyport::proto {

enum class reply_fit : std::uint8_t {
    impossible,
    // Servers exist that send it, but another command that waits for a reply is the likelier one.
    possible,
    usual
};

/// `id`: nothing is the greeting. `begun`: a 1xx has come for it, so that it runs.
[[nodiscard]] reply_fit fit_of(std::optional<verb> id, int code, bool started) noexcept;

/// RETR, STOR, LIST and their kind: a 1xx when they begin, another reply when they are over.
[[nodiscard]] bool is_transfer(verb id) noexcept;

}  // namespace sallyport::proto
