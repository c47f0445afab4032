#pragma once
// What client commands report of several files besides their result: which failed, and what listings have left out. Values
// that the command owns; the main thread.

#include <cstddef>
#include <string>
#include <vector>

#include <sallyport/client/remote_tree.hpp>

namespace sallyport::cli {

struct named_failure {
    // A path, a local name or a URL, as the user knows it.
    std::string name;
    client::failure why;
};

/// Of failures and warnings, as many are reported one by one.
inline constexpr std::size_t max_reported = 100;

void add_failures(std::vector<named_failure>& to, std::vector<client::remote_problem> from);

/// Warns of what was left out of listings.
void add_listing_warnings(std::vector<std::string>& to, std::size_t skipped_names, std::size_t unrecognized_lines);

}  // namespace sallyport::cli
