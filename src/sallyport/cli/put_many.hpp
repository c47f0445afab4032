#pragma once
// put for several files and directories: first what is to be moved, then the transfers. A value that its command owns, and a
// function for the main thread.

#include <string>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/many_options.hpp>

namespace sallyport::cli {

struct put_many_job {
    const client_options& options;
    const many_options& many;
    std::vector<std::string> files;
    /// The directory that gets the files.
    client::url location;
    /// The name that the only file gets; empty: files keep their names.
    std::string name;
    /// Makes the directories in its path.
    bool make_directories = false;
    bool resume = false;
    bool temp_name = false;
    client::upload_mode mode = client::upload_mode::replace;
};

/// Returns the exit code.
[[nodiscard]] int put_many(const put_many_job& job);

}  // namespace sallyport::cli
