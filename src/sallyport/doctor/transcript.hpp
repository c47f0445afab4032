#pragma once
// The lines of FTP sessions in transcripts of clients and in logs of servers, as events. The kind of a file is recognized by
// its lines.
//
// Client programs: curl -v and 'sallyport get -v', lftp -d, ncftp -d, Python's ftplib, WinSCP, FileZilla. Servers: Sallyport
// (--log-level debug), vsftpd (log_ftp_protocol), ProFTPD (ExtendedLog), Pure-FTPd (syslog), FileZilla Server.
//
// Pure functions; any thread. Any text is read without failure. No event holds the argument of PASS or ACCT, not even if a
// server quotes it in a reply.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

struct session_event {
    enum class kind : std::uint8_t {
        // A control connection has begun.
        opened,
        command,
        reply,
        // Reports of a client program: connecting to `at`; the last connection was refused, timed out, or had no route.
        connecting,
        refused,
        timed_out,
        unreachable,
        // The client program does not trust the server's certificate; `text` says why.
        untrusted,
        // The client program's last line says that its command has failed; `text` says why.
        failed,
        closed
    };
    kind what = kind::command;
    // Which of a log's sessions; empty if the file has one.
    std::string session{};
    std::optional<ip_address> client{};
    // 0: the log does not have it.
    std::uint16_t client_port = 0;
    // Of a log: seconds since 1970 (UTC); 0: the line has no time, or its time zone is not known.
    std::int64_t seconds = 0;
    std::optional<endpoint> at{};
    // Of a command, a reply, an untrusted certificate, or the client program's last line.
    std::string text{};
    // It is that last line, whatever it says: the command has failed.
    bool is_last_word = false;
    // Of a capture, with `connecting`: what is known of the connection, and the bytes of both directions.
    std::optional<diagnosis::packet_facts> packets{};
    std::uint64_t bytes = 0;
    // While a file is read: the argument of PASS or ACCT. Empty afterwards.
    std::string secret{};
};

/// Our own client's line about a reply that did not arrive, before its cause; the connection was established before.
inline constexpr std::string_view no_reply = "* no reply: ";

struct transcript {
    // "curl", "lftp", ..., or empty if no kind of file was recognized.
    std::string program;
    bool of_server = false;
    std::vector<session_event> events;
};

[[nodiscard]] transcript read_transcript(std::string_view text);

/// A line of a control connection: a command, whose argument becomes `secret` if it is that of PASS or ACCT, and a line of a
/// reply.
[[nodiscard]] session_event command_event(std::string_view text);
[[nodiscard]] session_event reply_event(std::string_view text);
/// Takes the passwords out of the replies that quote them, and clears `secret`.
void hide_passwords(std::vector<session_event>& events);

}  // namespace sallyport::doctor
