#pragma once
// Gives up what a process may do more than its user: identity and capabilities (setuid(2), capabilities(7)). Each function
// reads back what it has set. Functions for the main thread; they own nothing.

#include <cstdint>

#include <sallyport/base/error.hpp>
#include <sallyport/ops/identity.hpp>

namespace sallyport::ops {

/// The capability's bit in the masks below.
[[nodiscard]] constexpr std::uint64_t capability_bit(int capability) { return std::uint64_t{1} << capability; }
/// The permitted capabilities of this thread.
[[nodiscard]] std::uint64_t permitted_capabilities();

/// Changes user and groups of all threads for good. `kept`: capabilities that this thread still has afterwards, as far as
/// they are permitted; the other threads have none.
[[nodiscard]] result<void> change_identity(const identity& to, std::uint64_t kept);

/// Drops all other capabilities of this thread, and the ambient ones.
[[nodiscard]] result<void> drop_capabilities(std::uint64_t kept);

}  // namespace sallyport::ops
