#pragma once
// get for several URLs, patterns and directories: first what is to be moved, then the transfers, one site after the other. A
// value that its command owns, and a function for the main thread.

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/many_options.hpp>

namespace sallyport::cli {

struct get_many_job {
    const client_options& options;
    const many_options& many;
    std::vector<client::url> urls;
    /// Empty: the working directory.
    std::string directory;
    bool no_glob = false;
    bool no_clobber = false;
    bool newer = false;
    bool resume = false;
    /// For a single URL: the name of the local file; empty: that of the URL.
    std::string name;
    std::size_t segments = 1;

    /// Each segment has a connection.
    [[nodiscard]] std::size_t connections(const transfer_settings& of_site) const {
        return std::max(of_site.connections(), segments);
    }
};

/// Returns the exit code.
[[nodiscard]] int get_many(const get_many_job& job);

}  // namespace sallyport::cli
