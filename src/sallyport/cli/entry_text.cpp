#include <sallyport/cli/entry_text.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/utc_text.hpp>

namespace sallyport::cli {

using proto::entry;
using proto::entry_type;

namespace {

char letter(entry_type t) noexcept {
    switch (t) {
        case entry_type::file: return '-';
        case entry_type::directory:
        case entry_type::current:
        case entry_type::parent: return 'd';
        case entry_type::link: return 'l';
        case entry_type::other: break;
    }
    return '?';
}

}  // namespace

std::string_view type_name(entry_type t) noexcept {
    switch (letter(t)) {
        case '-': return "file";
        case 'd': return "directory";
        case 'l': return "link";
        default: return "other";
    }
}

std::string display_text(std::string_view name) { return ::isatty(STDOUT_FILENO) == 1 ? escape(name) : std::string(name); }

std::string long_line(const entry& e) {
    const std::string time = e.has_modified ? utc_minute(e.modified) : std::string();
    return fmt::format("{} {:>14} {:>16}  {}{}{}", letter(e.type), e.has_size ? std::to_string(e.size) : "", time,
                       display_text(e.name), e.type == entry_type::directory ? "/" : "",
                       e.link_target.empty() ? "" : " -> " + display_text(e.link_target));
}

std::string entry_members(std::string_view name, const entry& e) {
    return fmt::format(R"("name":{},"type":"{}","size":{},"modified":{})", json_string(name), type_name(e.type),
                       e.has_size ? std::to_string(e.size) : "null",
                       e.has_modified ? '"' + iso_time(e.modified) + '"' : "null");
}

}  // namespace sallyport::cli
