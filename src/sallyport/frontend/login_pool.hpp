#pragma once
// The pool of the sessions that have not logged in (RX-01): they are a small part of all sessions, so that clients without
// an account cannot take the places of those who have one.
//
// From half of the pool on, a growing part of the new connections is rejected at random, as with OpenSSH's MaxStartups, so
// that a flood does not fill the pool, and other clients keep a chance. Addresses that hold fewer sessions than the average
// are rejected less often, in proportion, and the last eighth of the pool is for them alone.
//
// A pure function; any thread.

#include <cstddef>

namespace sallyport::frontend {

/// The pool when a connection arrives.
struct login_pool {
    // Sessions in it.
    std::size_t used = 0;
    // Those of them that count for an address, and the number of these addresses.
    std::size_t counted = 0;
    std::size_t addresses = 0;
};

/// Whether a connection of an address that has `own` sessions in the pool is rejected. `max`: the sessions that may be in
/// the pool; `random`: in [0, 1).
[[nodiscard]] bool rejects(const login_pool& pool, std::size_t max, std::size_t own, double random) noexcept;

}  // namespace sallyport::frontend
