#pragma once
// The kinds of values that options have: counts, times, sizes, rates, ports. Each kind is read by one function, for every
// option of every command and every key of a configuration file.
//
// 0 means "no limit" (of a wait: for ever) where an option says so, and is refused elsewhere. What can be switched off is
// switched off by "off". The error for a value that is refused has the cause and what to use instead; who calls names the
// option.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// What "for ever" is for a wait. Far beyond every bound, and still a point in time that the clocks can hold.
inline constexpr std::chrono::hours unlimited{24 * 36'500};

struct count_bounds {
    std::uint64_t min = 1;
    std::uint64_t max = 1'000'000;
    bool zero = false;  // 0 is taken and means "no limit"
    bool off = false;   // "off" is taken and stored as 0
};

struct time_bounds {
    std::chrono::milliseconds min = std::chrono::seconds(1);
    std::chrono::milliseconds max = std::chrono::hours(24 * 366);
    bool zero = false;  // 0 is taken and stored as for_ever
    bool off = false;   // "off" is taken and stored as 0
};

/// "10", or "500K", "10M", "1G" where `units`: powers of 1024.
[[nodiscard]] result<std::uint64_t> parse_count(std::string_view text, const count_bounds& bounds, bool units = false);
/// "30", "30s", "500ms", "5m", "1h", "1d", "0.5". `grain`: what the result must be a multiple of.
[[nodiscard]] result<std::chrono::milliseconds> parse_time(
    std::string_view text, const time_bounds& bounds, std::chrono::milliseconds resolution = std::chrono::milliseconds(1));
/// "0.1", "50": events a second; 0 is no limit.
[[nodiscard]] result<double> parse_rate(std::string_view text);
/// "30000-30099" or "30000", from port 1 on.
[[nodiscard]] result<port_range> parse_ports(std::string_view text);
/// "5m" for 300 s.
[[nodiscard]] std::string time_text(std::chrono::milliseconds time);
/// "300", "0.5".
[[nodiscard]] std::string seconds_text(std::chrono::milliseconds time);
/// "10M".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// How the values are written, for the end of --help.
[[nodiscard]] std::string option_types_help();

}  // namespace sallyport::cli
