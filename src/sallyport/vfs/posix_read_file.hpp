#pragma once
// Reading a regular file of a real disk. A file is owned by its transfer, which uses it on one thread at a time; it may
// block except where it is asked not to. Sizes and offsets are in bytes.

#include <memory>

#include <sallyport/vfs/beneath.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

/// errc::is_a_directory, errc::not_a_file; never waits for the other end of a FIFO (FS-05).
[[nodiscard]] result<std::unique_ptr<read_file>> open_posix_read_file(const root_directory& root, const virtual_path& path,
                                                                      may_block wait);

}  // namespace sallyport::vfs
