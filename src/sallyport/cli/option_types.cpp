#include <sallyport/cli/option_types.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>

namespace sallyport::cli {
namespace {

using std::chrono::milliseconds;

struct unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr auto time_units =
    std::to_array<unit>({{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}});
constexpr auto size_units = std::to_array<unit>(
    {{"t", std::uint64_t(1) << 40U}, {"g", std::uint64_t(1) << 30U}, {"m", std::uint64_t(1) << 20U}, {"k", 1024}, {"", 1}});

/// The parts of a number before its unit is interpreted.
struct written {
    std::string_view whole;
    // Digits after the point.
    std::string_view fraction;
    std::string_view unit;
    bool negative = false;
};

std::optional<written> split(std::string_view text) {
    written out;
    if (text.starts_with('-') || text.starts_with('+')) {
        out.negative = text.front() == '-';
        text.remove_prefix(1);
    }
    const auto digits = [&text] {
        const auto end = std::ranges::find_if_not(text, is_digit) - text.begin();
        const auto found = text.substr(0, static_cast<std::size_t>(end));
        text.remove_prefix(found.size());
        return found;
    };
    out.whole = digits();
    if (out.whole.empty()) return std::nullopt;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        out.fraction = digits();
        if (out.fraction.empty()) return std::nullopt;
    }
    out.unit = text;
    return out;
}

/// Nothing if the value is too large. Digits beyond the precision of the unit are dropped: 1.5K is 1536.
std::optional<std::uint64_t> scaled(const written& number, std::uint64_t factor) {
    constexpr std::uint64_t max = INT64_MAX;
    // So that the product below does not overflow.
    constexpr std::size_t max_digits = 6;
    const auto whole = parse_decimal(number.whole);
    if (!whole || *whole > max / factor) return std::nullopt;
    std::uint64_t part = 0;
    std::uint64_t scale = 1;
    for (const char digit : number.fraction.substr(0, max_digits)) {
        part = part * 10 + static_cast<std::uint64_t>(digit - '0');
        scale *= 10;
    }
    const auto value = *whole * factor + part * factor / scale;
    if (value > max) return std::nullopt;
    return value;
}

std::string_view or_off(bool off) { return off ? ", or off" : ""; }

error refused(std::string_view cause, std::string_view hint) { return {errc::usage, 0, fmt::format("{}; {}", cause, hint)}; }

std::string count_hint(const count_bounds& b, bool units) {
    const auto text = [units](std::uint64_t n) { return units ? size_text(n) : std::to_string(n); };
    return fmt::format("use a {} from {} to {}{}{}", units ? "size" : "whole number", text(b.min), text(b.max),
                       b.zero ? ", 0 for no limit" : "", or_off(b.off));
}

std::string time_hint(const time_bounds& b) {
    return fmt::format("use a time such as 30s or 5m, from {} to {}{}{}", time_text(b.min), time_text(b.max),
                       b.zero ? ", 0 for no limit" : "", or_off(b.off));
}

}  // namespace

result<std::uint64_t> parse_count(std::string_view text, const count_bounds& bounds, bool units) {
    const auto refuse = [&](std::string_view cause) { return std::unexpected(refused(cause, count_hint(bounds, units))); };
    if (text == "off") return bounds.off ? result<std::uint64_t>(0U) : refuse("it can't be switched off");
    const auto number = split(text);
    if (!number) return refuse(units ? "this is not a size" : "this is not a number");
    if (number->negative) return refuse("a negative number makes no sense here");
    auto name = to_lower(number->unit);
    if (units && name.ends_with('b')) name.pop_back();
    if (units && name.size() == 2 && name.ends_with('i')) name.pop_back();
    const auto* const known = std::ranges::find(size_units, std::string_view(name), &unit::name);
    if (known == size_units.end() || (!units && (!number->unit.empty() || !number->fraction.empty())))
        return refuse(units ? "this is not a size" : "this is not a whole number");
    const auto value = scaled(*number, known->factor);
    if (!value) return refuse("this is more than there can be");
    if (*value == 0) return bounds.zero || bounds.min == 0 ? result<std::uint64_t>(0U) : refuse("0 makes no sense here");
    if (*value < bounds.min) return refuse("this is too little");
    if (*value > bounds.max) return refuse("this is too much");
    return *value;
}

result<milliseconds> parse_time(std::string_view text, const time_bounds& bounds, milliseconds resolution) {
    const auto refuse = [&](std::string_view cause) { return std::unexpected(refused(cause, time_hint(bounds))); };
    if (text == "off") return bounds.off ? result<milliseconds>(milliseconds(0)) : refuse("it can't be switched off");
    const auto number = split(text);
    if (!number) return refuse("this is not a time");
    if (number->negative) return refuse("a time can't be negative");
    const auto name = number->unit.empty() ? std::string("s") : to_lower(number->unit);
    const auto* const known = std::ranges::find(time_units, std::string_view(name), &unit::name);
    if (known == time_units.end()) return refuse("this is not a time; the units are ms, s, m, h and d");
    const auto value = scaled(*number, known->factor);
    if (!value) return refuse("this is too long");
    const milliseconds time(static_cast<std::int64_t>(*value));
    if (time.count() == 0 && number->fraction.find_first_not_of('0') == std::string_view::npos)
        return bounds.zero ? result<milliseconds>(unlimited) : refuse("0 makes no sense here");
    if (time < bounds.min) return refuse("this is too short");
    if (time > bounds.max) return refuse("this is too long");
    if (time % resolution != milliseconds(0)) return refuse("only whole seconds are counted");
    return time;
}

result<double> parse_rate(std::string_view text) {
    constexpr double min = 0.001;
    constexpr double max = 1'000'000;
    const auto refuse = [](std::string_view cause) {
        return std::unexpected(refused(cause, "use a number per second from 0.001 to 1000000, 0 for no limit"));
    };
    const auto number = split(text);
    if (!number || !number->unit.empty()) return refuse("this is not a number");
    if (number->negative) return refuse("a negative number makes no sense here");
    double value = 0;
    const auto [end, failed] =
        std::from_chars(text.data() + (text.front() == '+' ? 1 : 0), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return refuse("this is more than there can be");
    if (value != 0 && value < min) return refuse("this is too little");
    if (value > max) return refuse("this is too much");
    return value;
}

result<port_range> parse_ports(std::string_view text) {
    const auto range = port_range::parse(text);
    if (!range || range->first == 0 || range->size() == 0)
        return std::unexpected(refused("invalid range", "use FIRST-LAST, for example 50000-50099"));
    return *range;
}

std::string time_text(milliseconds time) {
    const auto count = static_cast<std::uint64_t>(time.count());
    if (time >= unlimited) return "0";
    if (count == 0) return "0s";
    for (const auto& each : time_units)
        if (count % each.factor == 0) return fmt::format("{}{}", count / each.factor, each.name);
    return {};
}

std::string seconds_text(milliseconds time) {
    if (time >= unlimited) return "0 (no limit)";
    return fmt::format("{}", static_cast<double>(time.count()) / 1000);
}

std::string size_text(std::uint64_t bytes) {
    for (const auto& each : size_units)
        if (bytes % each.factor == 0 && bytes != 0) return fmt::format("{}{}", bytes / each.factor, to_upper(each.name));
    return "0";
}

std::string option_types_help() {
    return "SECONDS may have a unit: 500ms, 30s, 5m, 1h or 1d. BYTES may have one, too: 64K, 10M or 1G (powers of 1024).";
}

}  // namespace sallyport::cli
