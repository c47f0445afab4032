#pragma once
// File sizes in a server's replies to SIZE and RETR. Pure functions; any thread.
//
// The number may be in any line of a reply, with blanks around it. If a number cannot be read for certain, none is returned,
// and the caller reports an unreadable reply; a guess is never taken for a size.

#include <cstdint>
#include <optional>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// The size in a reply to SIZE (RFC 3659, section 4): the number that is alone on a line, otherwise the only number in the
/// text. Nothing if there is none, or if two of them differ.
[[nodiscard]] std::optional<std::uint64_t> size_in(const reply& r);

/// The size in a 150: "150 Opening BINARY mode data connection for x (5000 bytes)". The last such text counts, since a file
/// name may contain one too.
[[nodiscard]] std::optional<std::uint64_t> announced_size(const reply& r);

}  // namespace sallyport::proto
