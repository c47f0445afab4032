#pragma once
// TYPE A (RFC 959 section 3.1.1.1): lines end in CR LF on the wire and in LF in our files. Streaming; a CR LF may be
// cut between two calls. Binary bytes pass unharmed otherwise. Neither filter ever grows its own state beyond one byte.

#include <string>
#include <string_view>

namespace sallyport::proto {

/// File to wire: every LF that has no CR before it becomes CR LF.
class to_network_ascii {
public:
    void filter(std::string_view bytes, std::string& out);

private:
    bool after_cr_ = false;
};

/// Wire to file: CR LF becomes LF; a CR elsewhere is kept. finish() gives back a CR held at the very end.
class from_network_ascii {
public:
    void filter(std::string_view bytes, std::string& out);
    void finish(std::string& out);

private:
    bool held_cr_ = false;
};

}  // namespace sallyport::proto
