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
    // The environment

    // The system refused an operation; `error::os` says why.
    io,
    // No such file, directory or name.
    not_found,
    // The name is taken.
    exists,
    // The file system or the configuration forbids it.
    permission,
    // A directory was needed.
    not_a_directory,
    // A file was needed.
    is_a_directory,
    // A device, socket or pipe where only regular files are served.
    not_a_file,
    // A directory that still has entries.
    not_empty,
    // A name that cannot be used: control bytes, too long, outside the root.
    name_invalid,
    // The disk is full.
    no_space,
    // The user's share of the disk is used up.
    quota,
    // An offset beyond the end of the file.
    out_of_range,
    // In use by another transfer or session.
    busy,
    // The other side refused the connection.
    refused,
    // No route, or a firewall answered "prohibited".
    unreachable,
    // The other side reset the connection.
    reset,
    // The other side closed the connection.
    closed,
    // The deadline passed.
    timeout,
    // We gave it up ourselves.
    cancelled,
    // A host name has no address.
    unresolved,
    // A pool, a port range or a limit is used up.
    exhausted,

    // The peer's violation

    // Bytes that are not what the protocol allows.
    syntax,
    // A line, reply or listing over its limit.
    too_long,
    // Legal bytes at the wrong moment.
    unexpected,
    // A reply that no command which waits for one can have: the replies are out of step.
    stray_reply,
    // Forbidden by policy: a third party's address, a low port, plain text where TLS is required.
    not_allowed,
    // A form of the protocol that is not spoken here.
    unsupported,
    // Wrong user or password.
    login_refused,
    // The server answered with an error reply; `error::what` holds its words.
    rejected,
    // Handshake or record failed.
    tls,
    // The certificate is not acceptable.
    tls_untrusted,
    // A data connection's TLS session is not that of its control connection.
    tls_not_resumed,
    // The stream ended without its proper end, or shorter than announced.
    truncated,

    // The user's wrong usage: an option, parameter, configuration key or argument that is missing, unknown or not valid.
    usage,

    // Our misuse: a call that the contract forbids; a bug.
    misuse,
};

enum class error_kind : std::uint8_t { environment, peer, usage, misuse };

[[nodiscard]] error_kind kind(errc code) noexcept;

/// A short name for logs and JSON ("timeout", "not_found"). Never empty.
[[nodiscard]] std::string_view name(errc code) noexcept;

/// A sentence for a person, without the particulars.
[[nodiscard]] std::string_view describe(errc code) noexcept;

struct error {
    errc code = errc::misuse;
    // The system's errno where it was asked, else 0.
    int os = 0;
    // Particulars: the thing and the cause; may be empty. Escape before showing: it may hold peer text.
    std::string what;

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
