#pragma once
// How large each directory of a tree is, with everything in it. A pure function on a listing; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sallyport/client/remote_tree.hpp>

namespace sallyport::cli {

struct directory_size {
    std::string path;
    std::uint64_t bytes = 0;
    std::size_t files = 0;
};

struct tree_sizes {
    /// In the order of their paths, what is in a directory before it; the last one is the root.
    std::vector<directory_size> directories;
    /// Files for which the listings have no size.
    std::size_t unknown = 0;
};

/// `root`: the path of the tree, or of the file that it is.
[[nodiscard]] tree_sizes sizes_of(const client::remote_listing& tree, const std::string& root);

}  // namespace sallyport::cli
