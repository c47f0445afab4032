#pragma once
// Takes Telnet commands out of a control connection (RFC 959 section 4.1.3, RFC 854; IN-02).
//
// A pure filter with three states, so a sequence may be cut anywhere. Output is never longer than input. IAC IAC
// becomes one 0xFF. IP, AYT, DM and other two-byte commands vanish; WILL and WONT get DONT, DO and DONT get WONT, each
// answer is three bytes appended to `answers`, at most limits::max_telnet_replies in a session.
//
// 0xFF before a byte that is no Telnet command is a byte of a file name: many clients send names as they are and double
// nothing. Only at the beginning of a line is it dropped: there it is what is left of an interrupt ("IAC IP IAC ABOR").

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
    bool line_begins_ = true;  // nothing of the line has been handed on
    int answered_ = 0;
};

/// A reply with every 0xFF doubled, as a plain-text control connection must send it.
[[nodiscard]] std::string telnet_escape(std::string_view text);

/// A command for a server's plain-text control connection, so that as many servers as possible read the name that is meant.
/// ProFTPD undoes Telnet in names, vsftpd and Pure-FTPd take every byte as it stands; a single 0xFF before a byte that is
/// no Telnet command is read alike by all three. Before 0xF0 to 0xFF it is doubled all the same: alone it would make the
/// first kind drop bytes and act on another file, while the second kind only finds no file of the doubled name. Within the
/// verb it is always doubled, so that no server finds a command there that we have not read.
[[nodiscard]] std::string telnet_escape_command(std::string_view line);

}  // namespace sallyport::proto
