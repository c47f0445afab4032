#pragma once
// Conversion between seconds since 1970 and the civil calendar, both in UTC, without a clock and a locale; for listings.
// Pure functions; any thread.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::proto {

struct civil_time {
    unsigned year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
};

inline constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Days from 1970-01-01, for years from 1 on. The calculation starts years in March, so that a leap day is the last day.
[[nodiscard]] constexpr std::int64_t days_of(unsigned year, unsigned month, unsigned day) noexcept {
    const std::int64_t y = std::int64_t{year} - (month <= 2 ? 1 : 0);
    const std::int64_t era = y / 400;
    const std::int64_t year_of_era = y - era * 400;
    const std::int64_t day_of_year = (153 * (std::int64_t{month} + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/// Years 1 to 9999; other times give the nearest time that can be written with a four-digit year.
[[nodiscard]] constexpr civil_time to_civil(std::int64_t seconds) noexcept {
    constexpr std::int64_t day_seconds = 86400;
    seconds = std::clamp(seconds, days_of(1, 1, 1) * day_seconds, days_of(10000, 1, 1) * day_seconds - 1);
    // Seconds since 0000-03-01, never negative after the clamp.
    const std::int64_t shifted = seconds + 719468 * day_seconds;
    const auto days = shifted / day_seconds;
    const auto rest = static_cast<unsigned>(shifted % day_seconds);
    const auto era = days / 146097;
    const auto day_of_era = static_cast<unsigned>(days % 146097);
    const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned m = (5 * day_of_year + 2) / 153;
    const unsigned month = m < 10 ? m + 3 : m - 9;
    const unsigned year = static_cast<unsigned>(era) * 400 + year_of_era + (month <= 2 ? 1U : 0U);
    return {year, month, day_of_year - (153 * m + 2) / 5 + 1, rest / 3600, rest / 60 % 60, rest % 60};
}

/// Nothing if the time does not exist (30 February, 24:00). A leap second counts as the second after it.
[[nodiscard]] constexpr std::optional<std::int64_t> to_seconds(const civil_time& t) noexcept {
    if (t.year < 1 || t.year > 9999 || t.month < 1 || t.month > 12 || t.day < 1) return std::nullopt;
    if (t.hour > 23 || t.minute > 59 || t.second > 60) return std::nullopt;
    const bool december = t.month == 12;
    const auto first = days_of(t.year, t.month, 1);
    const auto next = days_of(december ? t.year + 1 : t.year, december ? 1 : t.month + 1, 1);
    if (t.day > next - first) return std::nullopt;
    return (first + t.day - 1) * 86400 + t.hour * 3600 + t.minute * 60 + t.second;
}

static_assert(days_of(1970, 1, 1) == 0 && days_of(2000, 2, 29) + 1 == days_of(2000, 3, 1));
static_assert(to_civil(-1).year == 1969 && to_civil(951782400).day == 29);

}  // namespace sallyport::proto
