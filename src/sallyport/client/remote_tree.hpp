#pragma once
// What there is on the server: directories with everything below them, and the paths that a pattern matches. The listings
// are the server's, the matching is done here. One listing for each directory, several at a time over the connections of a
// pool. Links are reported and never followed; entries with unsafe names are left out and counted (CL-04).
//
// Coroutines on the pool's home loop, which return values; their arguments outlive them.

#include <cstddef>
#include <string>
#include <vector>

#include <sallyport/client/glob.hpp>
#include <sallyport/client/pool.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::client {

struct remote_entry {
    /// Path on the server.
    std::string path;
    /// Path below the directory that was read, or below the part of a pattern before its first `**`; otherwise the name.
    std::string relative;
    proto::entry facts;
    /// The time in `facts` is exact and in UTC.
    bool exact_time = false;

    [[nodiscard]] std::optional<listed_file> listed() const;
};

struct remote_problem {
    std::string path;
    failure why;
};

struct remote_listing {
    std::vector<remote_entry> entries;
    /// Directories that could not be listed.
    std::vector<remote_problem> problems;
    std::size_t skipped_names = 0;
    std::size_t unrecognized_lines = 0;
    /// What was read is no directory.
    bool is_file = false;
};

/// A server could show files and directories without end.
inline constexpr std::size_t max_tree_entries = 5'000'000;

/// The path from the root of the server; see session::absolute().
net::task<outcome<std::string>> absolute_path(pool& connections, std::string path);

/// Everything below `directory`, directories before what is in them. If it is a file, the only entry is that file. Fails if
/// `directory` itself cannot be listed, and with errc::too_long if `max_entries` are reached.
net::task<outcome<remote_listing>> read_tree(pool& connections, std::string directory, const name_filter& wanted,
                                             std::size_t max_entries = max_tree_entries);

/// The entries that the pattern matches, in the order of their names. An entry whose name is the text of a component itself
/// is its only match. Fails if a directory could not be listed for another reason than a refusal.
net::task<outcome<remote_listing>> expand_pattern(pool& connections, std::string pattern);

}  // namespace sallyport::client
