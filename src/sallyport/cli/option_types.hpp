#pragma once
// The kinds of values that options have: counts, times, sizes, rates, ports. Each kind is read by one function, for every
// option of every command and every key of a configuration file.
//
// 0 means "no limit" (of a wait: for ever) where an option says so, and is refused elsewhere. What can be switched off is
// switched off by "off". A value that is refused is answered by a CLI::ValidationError that names the option, the value, the
// cause and what to give instead.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sallyport::cli {

/// What "for ever" is for a wait. Far beyond every bound, and still a point in time that the clocks can hold.
inline constexpr std::chrono::hours for_ever{24 * 36'500};

struct count_bounds {
    std::uint64_t least = 1;
    std::uint64_t most = 1'000'000;
    bool zero = false;  // 0 is taken and means "no limit"
    bool off = false;   // "off" is taken and stored as 0
};

struct time_bounds {
    std::chrono::milliseconds least = std::chrono::seconds(1);
    std::chrono::milliseconds most = std::chrono::hours(24 * 366);
    bool zero = false;             // 0 is taken and stored as for_ever
    bool off = false;              // "off" is taken and stored as 0
    bool in_milliseconds = false;  // a number without a unit counts milliseconds
};

/// "10", or "500K", "10M", "1G" where `units`: powers of 1024.
[[nodiscard]] result<std::uint64_t> parse_count(std::string_view text, const count_bounds& bounds, bool units = false);
/// "30", "30s", "500ms", "5m", "1h", "1d", "0.5". `grain`: what the result must be a multiple of.
[[nodiscard]] result<std::chrono::milliseconds> parse_time(std::string_view text, const time_bounds& bounds,
                                                           std::chrono::milliseconds grain = std::chrono::milliseconds(1));
/// "0.1", "50": events a second; 0 is no limit.
[[nodiscard]] result<double> parse_rate(std::string_view text);
/// "30000-30099" or "30000", from port 1 on.
[[nodiscard]] result<port_range> parse_ports(std::string_view text);
/// "5m" for 300 s.
[[nodiscard]] std::string time_text(std::chrono::milliseconds time);
/// "10M".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// Adds an option whose text `take` reads; its error is the cause, without the option's name. `type` is shown in the help.
CLI::Option* add_value(CLI::App& command, const std::string& name, const std::string& help, const std::string& type,
                       std::function<result<void>(const std::string&)> take, const std::string& default_text = {});

template <class Number>
CLI::Option* add_count(CLI::App& command, const std::string& name, Number& into, const std::string& help,
                       count_bounds bounds = {}) {
    const auto take = [&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_count(text, bounds);
        if (!got) return std::unexpected(got.error());
        into = static_cast<Number>(*got);
        return {};
    };
    const auto shown = bounds.off && into == 0 ? std::string("off") : std::to_string(into);
    return add_value(command, name, help, "N", take, shown);
}

/// Bytes; 0, no limit, is the default.
CLI::Option* add_size(CLI::App& command, const std::string& name, std::uint64_t& into, const std::string& help,
                      count_bounds bounds = {.least = 1, .most = std::uint64_t(1) << 50U, .zero = true, .off = false});

/// What is stored as seconds takes whole seconds only.
template <class Duration>
CLI::Option* add_time(CLI::App& command, const std::string& name, Duration& into, const std::string& help,
                      time_bounds bounds = {}) {
    const auto take = [&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_time(text, bounds, Duration(1));
        if (!got) return std::unexpected(got.error());
        into = std::chrono::duration_cast<Duration>(*got);
        return {};
    };
    return add_value(command, name, help, "TIME", take, bounds.off && into == Duration::zero() ? "off" : time_text(into));
}

/// With no default of its own: "else ..." stands in the help.
CLI::Option* add_time(CLI::App& command, const std::string& name, std::optional<std::chrono::milliseconds>& into,
                      const std::string& help, time_bounds bounds = {});

/// Events a second; 0 is no limit.
CLI::Option* add_rate(CLI::App& command, const std::string& name, double& into, const std::string& help);

CLI::Option* add_ports(CLI::App& command, const std::string& name, std::optional<port_range>& into, const std::string& help);

/// How the values are written, for the end of --help.
[[nodiscard]] std::string option_types_help();

}  // namespace sallyport::cli
