#pragma once
// A view of the world-readable part of a file system, for anonymous users.
//
// It contains files that "others" may read, in directories that others may read and enter, all the way from the root. The
// mode of the root itself is ignored, as the user has chosen to share it. Names that start with a dot, everything beneath
// them, and links are hidden; `files` must not follow links, as their targets could be hidden. Hidden paths are
// errc::not_found. Changes are possible, in visible directories: whether a user may make them is not decided here. A hidden
// file is neither changed nor replaced.
//
// Any thread. Shares ownership of `files` and has no state of its own.

#include <memory>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

[[nodiscard]] std::shared_ptr<filesystem> make_public_view(std::shared_ptr<filesystem> files);

}  // namespace sallyport::vfs
