#pragma once
// A new file on a real disk that has the name of a part until it is complete (filesystem::open_part).
//
// The part is written in place, and belongs to the upload that has locked it (F_OFD_SETLK). It is published by a second name
// for the open file, so that what another client does with the name of the part, such as DELE or RNTO, never publishes
// another file; the upload notices it and fails. An old part is changed by the first write only. A part of another user,
// with a second name, or that is no file, is not used: errc::not_a_file.
//
// The last byte does not count, in a part that is continued and in its size: a process that is killed after the last byte of
// the file leaves no part with the size of the whole file. If a sync has failed, the part is removed (DU-01).
//
// Owned by its transfer, one thread at a time; may block on the disk.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/vfs/posix_store.hpp>

namespace sallyport::vfs {

/// `part`: a name in the directory of the target. The mode and the offset of the request do not matter.
[[nodiscard]] result<std::unique_ptr<store_file>> open_posix_part(store_request request, const std::string& part,
                                                                  std::optional<std::uint64_t> offset,
                                                                  existing_target existing);
[[nodiscard]] result<std::uint64_t> posix_part_size(const root_directory::entry_location& part,
                                                    const std::string& display_path);

}  // namespace sallyport::vfs
