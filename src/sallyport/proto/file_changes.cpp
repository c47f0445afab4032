#include <sallyport/proto/file_changes.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {
namespace {

[[nodiscard]] std::unexpected<reply> refuse(int code, std::string text) {
    return std::unexpected(reply{code, {std::move(text)}});
}

/// "640", "0640". Set-id bits cannot be set (FS-04).
[[nodiscard]] std::optional<std::uint32_t> parse_mode(std::string_view text) noexcept {
    if (text.size() < 3 || text.size() > 4) return std::nullopt;
    std::uint32_t out = 0;
    for (const char c : text) {
        if (c < '0' || c > '7') return std::nullopt;
        out = out * 8 + static_cast<std::uint32_t>(c - '0');
    }
    if (out > 0777) return std::nullopt;
    return out;
}

/// With or without seconds.
[[nodiscard]] std::optional<std::int64_t> parse_short_time(std::string_view text) {
    constexpr std::size_t without_seconds = 12;
    if (text.size() == without_seconds) return parse_time(std::string(text) + "00");
    return parse_time(text);
}

[[nodiscard]] std::pair<std::string_view, std::string_view> split_first(std::string_view text) noexcept {
    const std::size_t blank = std::min(text.find(' '), text.size());
    return {text.substr(0, blank), text.substr(std::min(blank + 1, text.size()))};
}
[[nodiscard]] std::pair<std::string_view, std::string_view> split_last(std::string_view text) noexcept {
    const std::size_t blank = text.rfind(' ');
    if (blank == std::string_view::npos) return {{}, text};
    return {text.substr(0, blank), text.substr(blank + 1)};
}

[[nodiscard]] std::expected<file_change, reply> parse_chmod(std::string_view argument) {
    const auto [digits, name] = split_first(argument);
    const auto mode = parse_mode(digits);
    if (!mode || name.empty()) return refuse(501, "SITE CHMOD takes a mode from 000 to 777 and a name.");
    return file_change{.name = std::string(name), .mode = *mode};
}

/// "name ATIME MTIME CTIME UTC".
[[nodiscard]] std::optional<file_change> parse_three_times(std::string_view argument) {
    const auto [times, zone] = split_last(argument);
    if (!iequals(zone, "UTC")) return std::nullopt;
    const auto [two_times, created] = split_last(times);
    const auto [one_time, modified] = split_last(two_times);
    const auto [name, accessed] = split_last(one_time);
    const auto time = parse_short_time(modified);
    if (!time || !parse_short_time(accessed) || !parse_short_time(created) || name.empty()) return std::nullopt;
    return file_change{.name = std::string(name), .modified = *time};
}

[[nodiscard]] std::expected<file_change, reply> parse_utime(std::string_view argument) {
    if (auto change = parse_three_times(argument)) return std::move(*change);
    const auto [digits, name] = split_first(argument);
    const auto time = parse_short_time(digits);
    if (!time || name.empty())
        return refuse(501, "SITE UTIME takes a time, YYYYMMDDhhmmss in UTC, and a name; or a name, three times and UTC.");
    return file_change{.name = std::string(name), .modified = *time};
}

}  // namespace

std::expected<file_change, reply> parse_mfmt(std::string_view argument) {
    const auto [digits, name] = split_first(argument);
    const auto time = parse_time(digits);
    if (!time || name.empty()) return refuse(501, "MFMT takes a time, YYYYMMDDhhmmss in UTC, and a name.");
    return file_change{.name = std::string(name), .modified = *time};
}

std::expected<file_change, reply> parse_mff(std::string_view argument) {
    // Values contain no blanks.
    const auto [facts, name] = split_first(argument);
    if (name.empty() || !facts.ends_with(';')) return refuse(501, "MFF takes facts, each with ';' at its end, and a name.");
    file_change out{.name = std::string(name)};
    for (std::string_view rest = facts; !rest.empty();) {
        const std::string_view fact = rest.substr(0, rest.find(';'));
        rest.remove_prefix(fact.size() + 1);
        const std::size_t equals = std::min(fact.find('='), fact.size());
        const auto key = fact.substr(0, equals);
        const auto value = fact.substr(std::min(equals + 1, fact.size()));
        if (iequals(key, "modify")) {
            out.modified = parse_time(value);
            if (!out.modified) return refuse(501, "The fact modify takes a time, YYYYMMDDhhmmss in UTC.");
        } else if (iequals(key, "UNIX.mode")) {
            out.mode = parse_mode(value);
            if (!out.mode) return refuse(501, "The fact UNIX.mode takes a mode from 0000 to 0777.");
        } else {
            return refuse(504, "MFF can change the facts modify and UNIX.mode only.");
        }
    }
    return out;
}

std::optional<std::expected<file_change, reply>> parse_site_change(std::string_view argument) {
    const auto [subcommand, rest] = split_first(argument);
    if (iequals(subcommand, "CHMOD")) return parse_chmod(rest);
    if (iequals(subcommand, "UTIME")) return parse_utime(rest);
    return std::nullopt;
}

std::string text_of_facts(const std::optional<std::int64_t>& modified, const std::optional<std::uint32_t>& mode) {
    std::string out;
    if (modified) out += fmt::format("Modify={};", format_time(*modified));
    if (mode) out += fmt::format("UNIX.mode={:04o};", *mode);
    return out;
}

}  // namespace sallyport::proto
