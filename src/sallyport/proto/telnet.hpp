#pragma once
// Takes Telnet commands out of a control connection (RFC 959 section 4.1.3, RFC 854; IN-02).
//
// A pure filter with three states, so a sequence may be cut anywhere. Output is never longer than input. IAC IAC
// becomes one 0xFF. IP, AYT, DM and other two-byte commands vanish; WILL and WONT get DONT, DO and DONT get WONT, each
// answer is three bytes appended to `answers`, at most limits::telnet_answers in a session.

#include <string>
#include <string_view>

namespace sallyport::proto {

class telnet_filter {
public:
    /// Appends what remains of `bytes` to `out`. False once the peer has negotiated more often than allowed: end the
    /// session.
    [[nodiscard]] bool filter(std::string_view bytes, std::string& out, std::string& answers);

private:
    enum class state : unsigned char { text, command, option };
    state state_ = state::text;
    char verb_ = 0;
    int answered_ = 0;
};

/// Text with every 0xFF doubled, as a plain-text control connection must send it.
[[nodiscard]] std::string telnet_escape(std::string_view text);

}  // namespace sallyport::proto
