#pragma once
// The confinement of a daemon's process (AU-05): after it, a fault in the code that reads from the network can neither
// become root, nor open files that the daemon does not need, nor listen on other ports, nor start a program.
//
// It has two steps, because Landlock restricts the calling thread and the threads that it starts later.
// prepare_confinement() is called before the first thread, the log's included. finish_confinement() is called once the
// listeners and the control socket are open, before the loops run; it applies to all threads. Neither can be undone. A
// process that must start programs, open other files or keep privileges is forked before the first step.
//
// Values and functions for the main thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/ops/identity.hpp>
#include <sallyport/ops/path_rules.hpp>

namespace sallyport::ops {

/// --sandbox: whether the daemon refuses to start if the kernel lacks a part; off: only the identity changes.
enum class sandbox_mode : std::uint8_t { required, automatic, off };

struct confinement {
    // Landlock and system-call filter.
    sandbox_mode sandbox = sandbox_mode::automatic;
    // Files and TCP ports that remain usable.
    path_rules paths{};
    // Nothing: the process keeps its identity.
    std::optional<identity> become{};
    // About this choice, for the administrator; may be empty.
    std::string warning{};
    // Capabilities that stay effective, as bits (capabilities(7)); all others are dropped: until the second step, and after
    // it.
    std::uint64_t capabilities_at_start = 0;
    std::uint64_t capabilities = 0;
};

/// The confinement as it has been applied, for status and the start's lines.
struct confinement_report {
    // The user that the process runs as.
    std::string user;
    // Version of Landlock; 0: files are not restricted.
    int landlock = 0;
    // Listening on TCP ports is restricted.
    bool ports = false;
    bool system_calls = false;
    // Parts that the kernel lacks or refused, with the reason.
    std::vector<std::string> missing{};

    /// "Runs as nobody, files and TCP ports restricted (Landlock 7), system calls restricted".
    [[nodiscard]] std::string text() const;
};

/// A confinement after its first step.
struct prepared_confinement {
    confinement rules;
    confinement_report so_far;
};

/// The first step: no new privileges, and Landlock. Fails if capabilities cannot be dropped, and with
/// sandbox_mode::required if a part is missing.
[[nodiscard]] result<prepared_confinement> prepare_confinement(confinement rules);

/// The second step: identity, capabilities, not dumpable, system-call filter. Logs what applies, and what is missing. Fails
/// if the identity or the capabilities cannot be changed, and with sandbox_mode::required if a part is missing.
[[nodiscard]] result<confinement_report> finish_confinement(const prepared_confinement& prepared);

}  // namespace sallyport::ops
