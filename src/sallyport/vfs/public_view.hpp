#pragma once
// What everybody may see of a file system, and no more: for guests of a directory that is shared in a hurry.
//
// Nothing whose name begins with a dot, nor what lies beneath it; files that "others" may read; directories that others may
// read and enter, all the way from the root. The root itself was named to be shared, so its own mode does not count. Links
// are left out, since where they lead may be neither: `files` must not follow them. Everything else is errc::not_found, and
// nothing can be changed (errc::permission).
//
// Any thread. Owns its share of `files`, and keeps nothing of its own.

#include <memory>

#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::vfs {

[[nodiscard]] std::shared_ptr<filesystem> make_public_view(std::shared_ptr<filesystem> files);

}  // namespace sallyport::vfs
