#include <sallyport/cli/find_filter.hpp>

#include <array>
#include <chrono>

#include <fnmatch.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/cli/option_types.hpp>

namespace sallyport::cli {
namespace {

/// The digits of a date in the form of `pattern`, where '0' stands for one; nothing if the text has another form.
std::optional<std::string> digits_of(std::string_view text, std::string_view pattern) {
    if (text.size() != pattern.size()) return std::nullopt;
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (pattern[i] != '0' && text[i] != pattern[i]) return std::nullopt;
        if (pattern[i] == '0' && !is_digit(text[i])) return std::nullopt;
        if (pattern[i] == '0') out += text[i];
    }
    return out;
}

}  // namespace

bool find_filter::admits(const proto::entry& e) const {
    if (!name.empty() && ::fnmatch(name.c_str(), e.name.c_str(), 0) != 0) return false;
    if (type && *type != e.type) return false;
    if ((newer_than || older_than) && !e.has_modified) return false;
    return (!newer_than || e.modified > *newer_than) && (!older_than || e.modified < *older_than);
}

result<std::int64_t> parse_moment(std::string_view text, std::int64_t now) {
    constexpr auto forms = std::to_array<std::string_view>({"0000-00-00", "0000-00-00T00:00", "0000-00-00T00:00:00"});
    for (const auto form : forms) {
        auto digits = digits_of(text, form);
        if (!digits) continue;
        digits->append(14 - digits->size(), '0');
        if (const auto time = proto::parse_time(*digits)) return *time;
        return fail(errc::usage, "there is no such date");
    }
    const auto age = parse_time(text, {.min = std::chrono::seconds(1), .max = std::chrono::hours(24 * 36'500)});
    if (age) return now - std::chrono::floor<std::chrono::seconds>(*age).count();
    return fail(errc::usage, "neither an age such as 12h or 7d nor a date such as 2026-01-31 or 2026-01-31T12:00");
}

}  // namespace sallyport::cli
