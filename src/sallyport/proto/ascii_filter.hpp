#pragma once
// Conversion of line ends for TYPE A (RFC 959, section 3.1.1.1): CR LF on the wire, LF in files.
//
// Both filters are streaming: a CR LF may be split between two calls. All other bytes are unchanged. The state is one bit,
// so a filter never grows. Values, one filter per transfer; one thread at a time.

#include <span>
#include <string>
#include <string_view>

namespace sallyport::proto {

/// File to wire: each LF without a CR before it becomes CR LF.
class to_network_ascii {
public:
    void filter(std::string_view bytes, std::string& out);

private:
    bool after_cr_ = false;
};

/// Wire to file: CR LF becomes LF; any other CR is kept.
class from_network_ascii {
public:
    /// Converts in place. The first byte of `buffer` is free: a CR at the end of the previous bytes may need it. Returns the
    /// converted bytes, at the start of `buffer`. `last`: no more bytes follow.
    [[nodiscard]] std::string_view filter(std::span<char> buffer, bool last);

private:
    bool held_cr_ = false;
};

}  // namespace sallyport::proto
