#pragma once
// Finds the device on the path that holds back a part of the control connection: after one whole line, a piece of another
// line is sent with a limited TTL on a connection of its own. If it is neither acknowledged nor expires, a device has taken
// it out of the path: a packet helper waits for the end of a PORT command.
//
// Nothing is logged in, and the connections end with RST, so that no server acts on the piece. The function blocks, at most
// for a few seconds, so it runs on a thread of a pool. Nothing is shared; any thread.

#include <string>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/doctor/syn_probe.hpp>

namespace sallyport::doctor {

struct line_target {
    /// The control port, without TLS from the first byte.
    syn_target server;
    /// The distance to the server in hops.
    unsigned distance = 0;
    /// For diagnosis::line_probe: "half PORT".
    std::string name;
    /// The bytes to send after the whole line.
    std::string piece;
};

/// Nothing if the server could not be asked. One connection if nothing holds the piece back, and otherwise a few more, one
/// after the other.
[[nodiscard]] std::optional<diagnosis::line_probe> probe_line(const line_target& target);

}  // namespace sallyport::doctor
