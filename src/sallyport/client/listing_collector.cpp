#include <sallyport/client/listing_collector.hpp>

#include <utility>

#include <fmt/format.h>

namespace sallyport::client {

using proto::entry_type;

namespace {

/// Limits of memory for a listing (CL-04). Listings of the largest public archives stay below them.
constexpr std::size_t max_entries = 250'000;
constexpr std::uint64_t max_listing_bytes = 64 * 1024 * 1024;
constexpr std::size_t sample_bytes = 200;

/// "drwxr-xr-x", but not the "d [RWCEAFMS]" of NetWare.
bool begins_with_mode(std::string_view line) {
    constexpr std::size_t bytes_of_mode = 10;
    return line.size() > bytes_of_mode && std::string_view("-dlbcpsD").contains(line[0]) &&
           line.substr(1, bytes_of_mode - 1).find_first_not_of("rwxsStTlL-") == line.npos;
}

}  // namespace

result<void> listing_collector::add_line(std::string_view line) {
    bytes_ += line.size();
    if (report_.entries.size() >= max_entries || bytes_ > max_listing_bytes)
        return fail(errc::too_long, fmt::format("the listing is longer than {} entries", report_.entries.size()));
    if (as_ == form::list) {
        auto parsed = parser_.read(line);
        if (parsed && begins_with_mode(line)) report_.has_type_letters = true;
        if (parsed) add(std::move(*parsed));
    } else if (auto parsed = proto::parse_mlsx(line)) {
        add(std::move(*parsed));
    } else if (report_.unrecognized_lines++ == 0) {
        report_.first_unrecognized = line.substr(0, sample_bytes);
    }
    return {};
}

void listing_collector::add(proto::entry e) {
    ++recognized_;
    if (e.type == entry_type::current || e.type == entry_type::parent || e.name == "." || e.name == "..") return;
    if (proto::is_safe_name(e.name))
        report_.entries.push_back(std::move(e));
    else
        ++report_.skipped_names;
}

void listing_collector::finish(std::size_t damaged_lines) {
    parser_.finish();
    report_.unrecognized_lines += parser_.unrecognized() + damaged_lines;
    if (report_.first_unrecognized.empty()) report_.first_unrecognized = parser_.first_unrecognized();
}

}  // namespace sallyport::client
