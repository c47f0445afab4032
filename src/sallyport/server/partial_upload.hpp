#pragma once
// Uploads of new files with --partial-uploads keep: until it is complete, the file is NAME.partial in the directory of NAME,
// and stays there if the upload is cut off. An upload of NAME with REST or APPE continues it, as long as there is no NAME;
// SIZE of NAME then says how many bytes there are, since this is what clients ask to find out where to continue. Nothing
// else finds the file under NAME.
//
// Functions without state that block on the disk; any thread.

#include <cstdint>
#include <memory>
#include <optional>

#include <sallyport/base/error.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/access_policy.hpp>
#include <sallyport/server/account.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

/// The name of the part; nothing if it would be too long, or the account may not upload to it.
[[nodiscard]] std::optional<virtual_path> partial_path(const account& user, proto::verb command, std::uint64_t offset,
                                                       const virtual_path& path);

/// The part for this upload; null if it must not have one: NAME exists, TYPE A changes the number of bytes, the client does
/// not know the name (STOU), or there is a part that the account may not replace.
[[nodiscard]] result<std::unique_ptr<vfs::store_file>> open_part(vfs::filesystem& files, const virtual_path& part,
                                                                 const virtual_path& path, upload_access access,
                                                                 const proto::transfer_request& request);

/// Where the account can continue the upload of a file that does not exist.
[[nodiscard]] result<std::uint64_t> part_size(vfs::filesystem& files, const account& user, const virtual_path& path);

}  // namespace sallyport::server
