#pragma once
// The confinement of a daemon's process (AU-05): after it, a fault in the code that reads from the network can neither
// become root, nor open files that the daemon does not need, nor listen on other ports, nor start a program.
//
// It has two steps, because Landlock restricts the calling thread and the threads that it starts later. restrict_files() is
// called before the first thread, the log's included. confine() is called once the listeners and the control socket are
// open, before the loops run; it applies to all threads. Neither can be undone. A process that must start programs, open
// other files or keep privileges is forked before restrict_files().
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

/// --sandbox: whether the daemon refuses to start if the kernel lacks a part.
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
    // Capabilities that stay effective, as bits (capabilities(7)); all others are dropped.
    std::uint64_t capabilities = 0;
    // The system calls of nf_tables are needed (--data-path kernel).
    bool netlink_filter = false;
};

/// The confinement as it has been applied, for status and the start's lines.
struct confinement_report {
    // The user that the process runs as.
    std::string user;
    bool is_root = false;
    // Version of Landlock; 0: files are not restricted.
    int landlock = 0;
    bool system_calls = false;
    // Parts that the kernel lacks or refused, with the reason.
    std::vector<std::string> missing{};

    /// "Runs as nobody, files restricted (Landlock 7), system calls restricted".
    [[nodiscard]] std::string text() const;
};

/// The first step: no new privileges, and Landlock. Fails only with sandbox_mode::required.
[[nodiscard]] result<confinement_report> restrict_files(const confinement& rules);

/// The second step: identity, capabilities, not dumpable, system-call filter. `so_far`: the result of restrict_files().
/// Fails if the identity or the capabilities cannot be changed, and with sandbox_mode::required if a part is missing.
[[nodiscard]] result<confinement_report> confine(const confinement& rules, confinement_report so_far);

/// A confinement after its first step.
struct prepared_confinement {
    confinement rules;
    confinement_report so_far;
};
[[nodiscard]] result<prepared_confinement> prepare_confinement(confinement rules);

/// The second step, with its lines in the log.
[[nodiscard]] result<confinement_report> finish_confinement(const prepared_confinement& prepared);

}  // namespace sallyport::ops
