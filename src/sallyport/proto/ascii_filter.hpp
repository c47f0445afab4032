#pragma once
// Conversion of line ends for TYPE A (RFC 959, section 3.1.1.1): CR LF on the wire, LF in files.
//
// Both filters are streaming: a CR LF may be split between two calls. All other bytes are unchanged. The state is one bit,
// so a filter never grows. Values, one filter per transfer; one thread at a time.

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

/// Wire to file: CR LF becomes LF; any other CR is kept. finish() appends a CR that was the very last byte.
class from_network_ascii {
public:
    void filter(std::string_view bytes, std::string& out);
    void finish(std::string& out);

private:
    bool held_cr_ = false;
};

}  // namespace sallyport::proto
