#pragma once
// The types of option values: counts, times, sizes, rates, ports. Each type has one parser for every option of every
// command and every key of a configuration file. Values and pure functions; any thread.
//
// 0 means "no limit" (for a timeout: none) if the option allows it, and is refused otherwise. "off" disables what can be
// disabled. The error for a refused value has the cause and what to use instead; the caller names the option.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace sallyport::cli {

/// "No limit" of a timeout: far above every bound, but still within the range of the clocks.
inline constexpr std::chrono::hours unlimited{24 * 36'500};

struct count_bounds {
    std::uint64_t min = 1;
    std::uint64_t max = 1'000'000;
    /// 0 is accepted and means "no limit".
    bool zero = false;
    /// "off" is accepted and stored as 0.
    bool off = false;
};

struct time_bounds {
    std::chrono::milliseconds min = std::chrono::seconds(1);
    std::chrono::milliseconds max = std::chrono::hours(24 * 366);
    /// 0 is accepted and stored as `unlimited`.
    bool zero = false;
    /// "off" is accepted and stored as 0.
    bool off = false;
};

/// "10", or with `units` also "500K", "10M", "1G": powers of 1024.
[[nodiscard]] result<std::uint64_t> parse_count(std::string_view text, const count_bounds& bounds, bool units = false);
/// "30", "30s", "500ms", "5m", "1h", "1d", "0.5". The result must be a multiple of `resolution`.
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

/// The forms of the values, for the end of --help.
[[nodiscard]] std::string option_types_help();

}  // namespace sallyport::cli
