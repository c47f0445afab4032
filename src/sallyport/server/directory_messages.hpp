#pragma once
// Texts of directories: the content of a file such as ".message", which CWD shows, once for each directory and session.
//
// Owned by a session; loop thread only. Files are read on the pool.

#include <string>
#include <unordered_set>
#include <vector>

#include <sallyport/base/virtual_path.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/vfs/filesystem.hpp>

namespace sallyport::server {

class directory_messages {
public:
    /// The lines of the file `name` in this directory. None if there is no such file, if it can't be read, if its text was
    /// taken before, or if the client leaves meanwhile. `files` must outlive the coroutine.
    net::task<std::vector<std::string>> take(disk_access disk, vfs::filesystem& files, virtual_path directory,
                                             std::string name);

private:
    // Hashes of the paths of directories whose texts were taken.
    std::unordered_set<std::size_t> taken_;
};

}  // namespace sallyport::server
