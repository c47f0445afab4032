#pragma once
// Removes a directory of the server with everything in it. A coroutine on the pool's home loop, which owns its arguments;
// the pool and `out` outlive it.
//
// Many listings show a link to a directory as a directory, and what it leads to must not be removed. So each entry is
// removed by DELE and RMD first, which remove links and empty directories. If both are refused, it is a directory with
// something in it, or an entry that this user may not remove; only the former can be renamed. Without that proof, it is not
// entered.

#include <cstddef>
#include <string>
#include <vector>

#include <sallyport/client/pool.hpp>
#include <sallyport/client/remote_tree.hpp>

namespace sallyport::client {

struct removal {
    /// Files and links; directories.
    std::size_t files = 0;
    std::size_t directories = 0;
    std::vector<remote_problem> problems;
    /// Entries with unsafe names, which were left, and with them their directories.
    std::size_t skipped_names = 0;
};

net::task<> remove_tree(pool& connections, std::string path, removal& out);

}  // namespace sallyport::client
