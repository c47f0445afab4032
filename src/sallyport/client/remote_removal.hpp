#pragma once
// Removes a directory of the server with everything in it. A coroutine on the pool's home loop, which owns its arguments;
// the pool and `out` outlive it.
//
// Many listings show a link to a directory as a directory, and what it leads to must not be removed. So each entry is
// removed by DELE and RMD first, which remove links and empty directories. If both are refused, it is entered only if
// something proves that it is a directory: the refusal says that it is not empty, or a listing shows its type letter.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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

/// What the refusal of RMD says about the directory.
enum class rmd_refusal : std::uint8_t {
    other,
    /// A link is never "not empty", so this is a directory.
    not_empty,
    /// What is in it could not be removed for good either way: the entry stays.
    not_permitted
};
[[nodiscard]] rmd_refusal read_rmd_refusal(std::string_view reply, std::string_view path);

}  // namespace sallyport::client
