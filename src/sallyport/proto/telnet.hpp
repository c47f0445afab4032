#pragma once
// Removes Telnet commands from the bytes of a control connection, and escapes 0xFF (RFC 959, section 4.1.3; RFC 854; IN-02).
//
// The filter has three states, so that a sequence may be split anywhere. Its output is never longer than its input. IAC IAC
// becomes one 0xFF. IP, AYT, DM and the other two-byte commands are removed. WILL and WONT are answered with DONT, DO and
// DONT with WONT: three bytes, appended to `answers`, at most limits::max_telnet_replies times in a session.
//
// 0xFF before a byte that is not a Telnet command belongs to a file name: many clients send names unescaped. Only at the
// start of a line is it removed, since there it is the rest of an interrupt ("IAC IP IAC ABOR").
//
// A value, one for each control connection; one thread at a time.

#include <string>
#include <string_view>

namespace sallyport::proto {

class telnet_filter {
public:
    /// Appends the remaining bytes to `out`. False if the peer has negotiated too often; the session must then end.
    [[nodiscard]] bool filter(std::string_view bytes, std::string& out, std::string& answers);

private:
    enum class state : unsigned char { text, command, option };
    state state_ = state::text;
    char verb_ = 0;
    // No byte of the current line has been appended to the output yet.
    bool line_begins_ = true;
    int answered_ = 0;
};

/// A reply with every 0xFF doubled, as an unencrypted control connection must send it.
[[nodiscard]] std::string telnet_escape(std::string_view text);
/// The reverse: each pair of 0xFF becomes one. Some servers don't double them, so a single one stays.
[[nodiscard]] std::string telnet_unescape(std::string_view text);

/// A command for a server's unencrypted control connection, escaped so that as many servers as possible read the same name.
/// ProFTPD removes Telnet commands from names; vsftpd and Pure-FTPd take each byte as part of the name. All three read a
/// single 0xFF alike if the byte after it is not a Telnet command. Before 0xF0 to 0xFF it is doubled: if it were single,
/// ProFTPD would drop bytes and act on another file, while the others find no file with the doubled name. Within the verb it
/// is always doubled, so that no server reads a command that the sender has not checked.
[[nodiscard]] std::string telnet_escape_command(std::string_view line);

}  // namespace sallyport::proto
