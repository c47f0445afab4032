#pragma once
// Reads a regular file of a real disk. Owned by its transfer, which uses it on one thread at a time. Calls may block, except
// with may_block::no. Sizes and offsets are in bytes.

#include <memory>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

/// Errors: errc::is_a_directory, errc::not_a_file. Never waits for the other end of a FIFO (FS-05).
[[nodiscard]] result<std::unique_ptr<read_file>> open_posix_read_file(const root_directory& root, const virtual_path& path,
                                                                      may_block wait);

}  // namespace sallyport::vfs
