#pragma once
// Which reply codes a command can have (RFC 959, section 5.4; RFC 2228, 2389, 2428, 3659, 4217).
//
// If a server sends one reply too many, each following reply is taken for the reply to the next command. Codes of one
// service (230, 227, 226) reveal that; 200 and refusals can answer almost any command. Pure functions; any thread; no
// exceptions.

#include <cstdint>
#include <optional>

#include <sallyport/proto/command.hpp>

namespace sallyport::proto {

enum class reply_fit : std::uint8_t {
    impossible,
    // Some servers send this code for the command, but another pending command is more likely.
    possible,
    usual
};

/// `id` is the command, or nothing for the greeting. `started`: a 1xx has been received for it.
[[nodiscard]] reply_fit fit_of(std::optional<verb> id, int code, bool started) noexcept;

/// RETR, STOR, LIST and the other transfers: a 1xx when they start, another reply when they finish.
[[nodiscard]] bool is_transfer(verb id) noexcept;

}  // namespace sallyport::proto
