#pragma once
// What 'sallyport doctor --watch' has seen on a server's host while a client made its run, and the causes that both ends
// together show ('doctor join').
//
// The host's TCP sees a SYN only if the host's own packet filter lets it in. Plain values and pure functions; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

enum class connection_state : std::uint8_t {
    // A SYN arrived, and the answer to the SYN-ACK did not (yet).
    half_open,
    // This host has sent a SYN that is not answered (yet).
    connecting,
    established
};
[[nodiscard]] std::string_view name(connection_state s) noexcept;

/// A connection with the best state that it had.
struct watched_connection {
    endpoint local;
    endpoint remote;
    connection_state state = connection_state::half_open;
    /// When it was seen first, in milliseconds from the start of the watch.
    std::int64_t ms = 0;
};

struct server_watch {
    /// Seconds since 1970, and how long it took.
    std::int64_t started = 0;
    std::int64_t ms = 0;
    std::vector<watched_connection> connections;

    /// Adds a connection, or raises its state. `at`: milliseconds from the start. At the limit the oldest ones are removed.
    void add(const endpoint& local, const endpoint& remote, connection_state state, std::int64_t at);
};

[[nodiscard]] std::string to_json(const server_watch& seen);
/// Fails with errc::syntax or errc::unsupported, as facts_from_json() does.
[[nodiscard]] result<server_watch> server_watch_from_json(std::string_view text);

/// The causes of the client's run, with what the server's host has seen of it. Fails with errc::not_found if the watch has
/// seen no control connection to the port that the client used: then it was another server or another time; and if both
/// files have their times and these are more than five minutes apart, which is more than clocks differ.
[[nodiscard]] result<std::vector<verdict>> join(const facts& client, const server_watch& server);

}  // namespace sallyport::diagnosis
