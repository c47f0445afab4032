#pragma once
// HASH, XCRC and their like: the hash of a file, which may be as long as the disk is large. It is computed on the pool, in
// slices, so that the work of others gets its turn, and ends early if the client leaves (RX-06).
//
// Called on the session's loop, as a coroutine that owns its arguments; `files` must outlive it.

#include <sallyport/proto/server_actions.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

/// The result has the hash, and the number of bytes that it is of. errc::out_of_range if the range begins after the end of
/// the file, errc::busy if the file becomes shorter meanwhile.
net::task<result<proto::file_result>> hash_file(vfs::filesystem& files, disk_access disk, proto::file_request request);

}  // namespace sallyport::server
