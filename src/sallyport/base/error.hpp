#pragma once
// What can go wrong, as a value. Four kinds and no others: the environment, the peer's violation, the user's wrong usage,
// and a bug of ours.
//
// `errc` names the cause, `error` adds the system's errno and a sentence for a person, `result<T>` carries either.
// Inside the program failures travel as results; exceptions are for start-up and for the edge of a coroutine only.
// Values are plain and may be copied between threads.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

enum class errc : std::uint8_t {
    // Environment
    io,               // the system refused an operation; `error::os` says why
    not_found,        // no such file, directory or name
    exists,           // the name is taken
    permission,       // the file system or the configuration forbids it
    not_a_directory,  // a directory was needed
    is_a_directory,   // a file was needed
    not_a_file,       // a device, socket or pipe where only regular files are served
    not_empty,        // a directory that still has entries
    name_invalid,     // a name that cannot be used: control bytes, too long, outside the root
    no_space,         // the disk is full
    quota,            // the user's share of the disk is used up
    out_of_range,     // an offset beyond the end of the file
    busy,             // in use by another transfer or session
    refused,          // the other side refused the connection
    unreachable,      // no route, or a firewall answered "prohibited"
    reset,            // the other side reset the connection
    closed,           // the other side closed the connection
    timeout,          // the deadline passed
    cancelled,        // we gave it up ourselves
    unresolved,       // a host name has no address
    exhausted,        // a pool, a port range or a limit is used up
    // The peer's violation
    syntax,           // bytes that are not what the protocol allows
    too_long,         // a line, reply or listing over its limit
    unexpected,       // legal bytes at the wrong moment
    stray_reply,      // a reply that no command which waits for one can have: the replies are out of step
    not_allowed,      // forbidden by policy: a third party's address, a low port, plain text where TLS is required
    unsupported,      // a form of the protocol that is not spoken here
    login_refused,    // wrong user or password
    rejected,         // the server answered with an error reply; `error::what` holds its words
    tls,              // handshake or record failed
    tls_untrusted,    // the certificate is not acceptable
    tls_not_resumed,  // a data connection's TLS session is not that of its control connection
    truncated,        // the stream ended without its proper end, or shorter than announced
    // The user's wrong usage
    usage,  // an option, parameter, configuration key or argument that is missing, unknown or not valid
    // Our misuse
    misuse,  // a call that the contract forbids; a bug
};

enum class error_kind : std::uint8_t { environment, peer, usage, misuse };

[[nodiscard]] error_kind kind(errc code) noexcept;

/// A short name for logs and JSON ("timeout", "not_found"). Never empty.
[[nodiscard]] std::string_view name(errc code) noexcept;

/// A sentence for a person, without the particulars.
[[nodiscard]] std::string_view describe(errc code) noexcept;

struct error {
    errc code = errc::misuse;
    int os = 0;        // errno where the system was asked, else 0
    std::string what;  // particulars: the thing and the cause; may be empty. Escape before showing: it may hold peer text

    /// Cause and particulars in one line; the system's words for `os` are added.
    [[nodiscard]] std::string text() const;
};

template <class T>
using result = std::expected<T, error>;

[[nodiscard]] inline std::unexpected<error> fail(errc code, std::string what = {}) {
    return std::unexpected<error>(error{code, 0, std::move(what)});
}

/// Translates errno; unknown values become errc::io.
[[nodiscard]] errc from_errno(int os) noexcept;

[[nodiscard]] inline std::unexpected<error> fail_os(int os, std::string what = {}) {
    return std::unexpected<error>(error{from_errno(os), os, std::move(what)});
}

}  // namespace sallyport
