#include <sallyport/cli/named_failures.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/status/counters.hpp>

namespace sallyport::cli {

void add_failures(std::vector<named_failure>& to, std::vector<client::remote_problem> from) {
    for (auto& each : from) to.push_back({std::move(each.path), std::move(each.why)});
}

void add_listing_warnings(std::vector<std::string>& to, std::size_t skipped_names, std::size_t unrecognized_lines) {
    if (skipped_names > 0) to.push_back(fmt::format("skipped {}", status::with_plural(skipped_names, "unsafe name")));
    if (unrecognized_lines > 0)
        to.push_back(
            fmt::format("skipped {} of listings in an unknown format", status::with_plural(unrecognized_lines, "line")));
}

}  // namespace sallyport::cli
