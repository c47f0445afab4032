#pragma once
// Landlock (landlock(7)): the kernel refuses every file and TCP port outside the rules to this thread and to the threads
// that it starts later, whatever its user may do. The C library has no functions for it, so system calls are made directly.
//
// Functions for the main thread, before others are started; they own nothing.

#include <sallyport/base/error.hpp>
#include <sallyport/ops/path_rules.hpp>

namespace sallyport::ops {

/// Version of Landlock that the kernel has enabled. errc::unsupported: none, or version 1, with which no file could be
/// renamed into another directory.
[[nodiscard]] result<int> landlock_version();

/// Whether this version restricts TCP ports (Linux 6.7).
[[nodiscard]] constexpr bool restricts_ports(int version) noexcept { return version >= 4; }

/// Applies the rules for good; those of ports only if this version restricts ports.
[[nodiscard]] result<void> apply_landlock(const path_rules& rules, int version);

}  // namespace sallyport::ops
