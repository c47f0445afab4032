#pragma once
// Uploads of new files with --partial-uploads keep: until it is complete, the file is NAME.partial in the directory of NAME,
// and stays there if the upload is cut off. An upload of NAME with REST or APPE continues it, as long as there is no NAME;
// SIZE of NAME then says how many bytes there are, since this is what clients ask to find out where to continue. Nothing
// else finds the file under NAME.
//
// Pure functions; any thread.

#include <cstdint>
#include <optional>

#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::server {

/// Nothing if the name would be too long.
[[nodiscard]] std::optional<virtual_path> partial_path(const virtual_path& path);

/// Whether an upload that was cut off can be continued at all: not in TYPE A, which changes the number of bytes, nor STOU,
/// whose name the client does not know.
[[nodiscard]] bool can_be_kept(const proto::transfer_request& request) noexcept;

/// How many bytes of a part the upload keeps; nothing: all of them (APPE).
[[nodiscard]] std::optional<std::uint64_t> start_of(const proto::transfer_request& request) noexcept;

}  // namespace sallyport::server
