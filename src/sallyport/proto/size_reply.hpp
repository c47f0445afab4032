#pragma once
// Sizes that a server states in its replies. Pure functions; any thread.
//
// The number may be in any line of a reply, with blanks around it. What is not a number for certain is no number: the caller
// says that the reply could not be read, and never takes a guess for a size.

#include <cstdint>
#include <optional>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// The reply to SIZE (RFC 3659 section 4): the number that is a line by itself, else the only number among the words.
/// Nothing where there is none, or where two of them differ.
[[nodiscard]] std::optional<std::uint64_t> size_in(const reply& r);

/// "150 Opening BINARY mode data connection for x (5000 bytes)": many servers state the size here. The last one counts, as a
/// file's name may hold such words too.
[[nodiscard]] std::optional<std::uint64_t> announced_size(const reply& r);

}  // namespace sallyport::proto
