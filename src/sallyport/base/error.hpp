#pragma once
// Errors as values, of four kinds: the environment, a protocol violation of the peer, wrong usage, and a bug.
//
// `errc` names the cause, `error` adds the system's errno and a detail text, and `result<T>` holds a value or an error.
// Functions return failures as results; exceptions are used only during start-up and at the top of a coroutine.
// Values are plain and may be copied between threads.

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

enum class errc : std::uint8_t {
    // The environment

    // The system refused an operation; `error::os` is its errno.
    io,
    // No such file, directory or name.
    not_found,
    // The name already exists.
    exists,
    // The file system or the configuration forbids it.
    permission,
    // A directory was needed.
    not_a_directory,
    // A file was needed.
    is_a_directory,
    // A device, socket or pipe; only regular files are served.
    not_a_file,
    // A directory that still has entries.
    not_empty,
    // A name that cannot be used: control bytes, too long, outside the root.
    name_invalid,
    // The disk is full.
    no_space,
    // The user's disk quota is exceeded.
    quota,
    // An offset beyond the end of the file.
    out_of_range,
    // In use by another transfer or session.
    busy,
    // The peer refused the connection.
    refused,
    // No route, or a firewall rejected the connection with an ICMP error.
    unreachable,
    // The peer reset the connection.
    reset,
    // The peer closed the connection.
    closed,
    // The deadline passed.
    timeout,
    // This program cancelled the operation.
    cancelled,
    // A host name has no address.
    unresolved,
    // A pool, a port range or a limit has no free resource left.
    exhausted,
    // A passive port that this session cannot have, or not any longer, because its data connection could not be
    // distinguished from others.
    port_refused,

    // Protocol violations and refusals of the peer

    // Bytes that the protocol does not allow.
    syntax,
    // A line, reply or listing over its limit.
    too_long,
    // Valid bytes at the wrong time.
    unexpected,
    // A reply that does not belong to any outstanding command: commands and replies are out of step.
    stray_reply,
    // Forbidden by policy: another host's address, a low port, or no TLS although it is required.
    not_allowed,
    // A form of the protocol that is not supported.
    unsupported,
    // Wrong user or password.
    login_refused,
    // The server sent an error reply; `error::what` holds its text.
    rejected,
    // A TLS handshake or record failed.
    tls,
    // The certificate is not acceptable.
    tls_untrusted,
    // A data connection's TLS session is not that of its control connection.
    tls_not_resumed,
    // The stream ended without its end marker, or was shorter than announced.
    truncated,

    // Wrong usage: an option, parameter, configuration key or argument is missing, unknown or invalid.
    usage,

    // A bug: a call that the function's contract forbids.
    misuse,
};

enum class error_kind : std::uint8_t { environment, peer, usage, misuse };

[[nodiscard]] error_kind kind(errc code) noexcept;

/// A short name for logs and JSON ("timeout", "not_found"). Never empty.
[[nodiscard]] std::string_view name(errc code) noexcept;

/// A description for people, without details.
[[nodiscard]] std::string_view describe(errc code) noexcept;

struct error {
    errc code = errc::misuse;
    // The errno of a system call, or 0.
    int os = 0;
    // Details: the object and the cause; may be empty. May contain text of a peer, so escape it before display.
    std::string what;

    /// The details and the description in one line, with the system's text for `os`.
    [[nodiscard]] std::string text() const;
};

template <class T>
using result = std::expected<T, error>;

[[nodiscard]] inline std::unexpected<error> fail(errc code, std::string what = {}) {
    return std::unexpected<error>(error{code, 0, std::move(what)});
}

/// Converts an errno; unknown values become errc::io.
[[nodiscard]] errc from_errno(int os) noexcept;

[[nodiscard]] inline std::unexpected<error> fail_os(int os, std::string what = {}) {
    return std::unexpected<error>(error{from_errno(os), os, std::move(what)});
}

}  // namespace sallyport
