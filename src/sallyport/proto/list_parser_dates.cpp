// Numbers, times and dates in listings.

#include <array>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto::list_form {

// ---- Numbers

std::optional<unsigned> small_number(std::string_view text, unsigned max) noexcept {
    const auto value = text.size() > 4 ? std::nullopt : parse_decimal(text, max);
    return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
}

std::optional<std::uint64_t> grouped_number(std::string_view text) noexcept {
    const auto first = text.find_first_of(",.");
    if (first == std::string_view::npos) return parse_decimal(text);
    const char separator = text[first];
    char digits[24];
    std::size_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool due = i >= first && (i - first) % 4 == 0;
        if (due ? text[i] != separator : !is_digit(text[i])) return std::nullopt;
        if (due) continue;
        if (count == sizeof digits) return std::nullopt;
        digits[count++] = text[i];
    }
    if (first == 0 || first > 3 || (text.size() - first) % 4 != 0) return std::nullopt;
    return parse_decimal({digits, count});
}

bool is_hexadecimal(std::string_view text, std::size_t digits) noexcept {
    return text.size() == digits &&
           std::ranges::all_of(text, [](char c) { return is_digit(c) || (to_upper(c) >= 'A' && to_upper(c) <= 'F'); });
}

// ---- Times and dates

bool read_clock(std::string_view text, civil_time& into) noexcept {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto hour = small_number(text.substr(0, colon), 23);
    text.remove_prefix(colon + 1);
    const auto minute = small_number(text.substr(0, text.find(':')), 59);
    if (!hour || !minute) return false;
    into.hour = *hour;
    into.minute = *minute;
    const auto seconds = text.find(':');
    if (seconds == std::string_view::npos) return true;
    text.remove_prefix(seconds + 1);
    const auto dot = std::min(text.find('.'), text.size());
    return small_number(text.substr(0, dot), 60).has_value() &&
           std::ranges::all_of(text.substr(std::min(dot + 1, text.size())), is_digit);
}

std::optional<unsigned> read_year(std::string_view text) noexcept {
    const auto year = small_number(text, 9999);
    if (!year) return std::nullopt;
    switch (text.size()) {
        case 2: return *year + (*year < 70 ? 2000U : 1900U);
        case 3: return *year + 1900U;
        case 4: return year;
        default: return std::nullopt;
    }
}

bool read_day_month_year(std::string_view word, civil_time& into) {
    const auto first = word.find('-');
    const auto second = word.find('-', std::min(first, word.size() - 1) + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return false;
    const auto day = small_number(word.substr(0, first), 31);
    const auto month = month_of(word.substr(first + 1, second - first - 1));
    const auto year = read_year(word.substr(second + 1));
    if (!day || !month || !year) return false;
    into.day = *day;
    into.month = *month;
    into.year = *year;
    return true;
}

namespace {

/// A time without a year is the latest such time at most one day in the future, since clocks and time zones differ.
std::optional<list_time> without_year(civil_time t, std::int64_t now) noexcept {
    const auto limit = now + 86400;
    const unsigned this_year = to_civil(limit).year;
    // 29 February exists every four years, around some centuries only after eight.
    for (unsigned back = 0; back <= 8 && back < this_year; ++back) {
        t.year = this_year - back;
        const auto seconds = to_seconds(t);
        if (seconds && *seconds <= limit) return list_time{seconds};
    }
    return std::nullopt;
}

std::optional<list_time> with_year(const civil_time& t) noexcept {
    const auto seconds = to_seconds(t);
    return seconds ? std::optional(list_time{seconds}) : std::nullopt;
}

/// Reads the next word if it is a time of day.
bool parse_clock(words& line, civil_time& into) noexcept {
    auto attempt = line;
    if (!read_clock(attempt.next(), into)) return false;
    line = attempt;
    return true;
}

/// Reads "+0200" after a time of day; the result must be subtracted.
std::int64_t parse_zone(words& line) noexcept {
    const auto word = line.peek();
    if (word.size() != 5 || (word[0] != '+' && word[0] != '-')) return 0;
    const auto hours = small_number(word.substr(1, 2), 14);
    const auto minutes = small_number(word.substr(3), 59);
    if (!hours || !minutes) return 0;
    (void)line.next();
    const auto seconds = std::int64_t{*hours} * 3600 + std::int64_t{*minutes} * 60;
    return word[0] == '-' ? -seconds : seconds;
}

/// "2006-01-02", "2006/01/02", "24-04-2003", "01-jun-99" or "01-02"; the last form is followed by a year or a time.
std::optional<list_time> read_joined_date(std::string_view word, words& line, std::int64_t now) {
    civil_time t;
    if (read_day_month_year(word, t)) {
        (void)parse_clock(line, t);
        return with_year(t);
    }
    const auto separator = word.find_first_of("-/");
    if (separator == std::string_view::npos) return std::nullopt;
    const auto second = word.find(word[separator], separator + 1);
    const auto a = small_number(word.substr(0, separator), 9999);
    const auto b = small_number(word.substr(separator + 1, second == word.npos ? second : second - separator - 1), 31);
    if (!a || !b) return std::nullopt;
    if (second == std::string_view::npos) {
        if (separator != 2 || word.size() != 5) return std::nullopt;
        t.month = *a;
        t.day = *b;
        if (parse_clock(line, t)) return without_year(t, now);
        const auto year = line.next();
        if (year.size() != 4 || !small_number(year, 9999)) return std::nullopt;
        t.year = *small_number(year, 9999);
        return with_year(t);
    }
    const auto last = word.substr(second + 1);
    const auto c = small_number(last, 9999);
    if (!c) return std::nullopt;
    if (separator == 4) {
        t.year = *a;
        t.month = *b;
        t.day = *c;
        if (!parse_clock(line, t)) return with_year(t);
        const auto zone = parse_zone(line);
        auto out = with_year(t);
        if (out) *out->seconds -= zone;
        return out;
    }
    if (last.size() != 4) return std::nullopt;
    t.year = *c;
    (void)parse_clock(line, t);
    // Day first or month first: only a number above twelve shows the order.
    const bool open = *a <= 12 && *b <= 12 && *a != *b;
    t.day = *a > 12 ? *a : *b;
    t.month = *a > 12 ? *b : *a;
    auto out = with_year(t);
    if (out && open) out->seconds.reset();
    return out;
}

/// Numbers followed by the words for year, month and day, as in Japanese, Chinese and Korean in any encoding: "8月 17",
/// "4月18日 2003年", "2003年4月23日". At least one number must have such a word.
std::optional<list_time> read_marked_date(words& line, std::int64_t now) noexcept {
    std::array<unsigned, 3> number{};
    std::size_t count = 0;
    bool marked = false;
    while (count < number.size()) {
        auto attempt = line;
        auto word = attempt.next();
        auto taken = count;
        bool fits = !word.empty();
        while (fits && !word.empty()) {
            const auto digits = std::min<std::size_t>(
                static_cast<std::size_t>(std::ranges::find_if_not(word, is_digit) - word.begin()), word.size());
            const auto value = small_number(word.substr(0, digits), 9999);
            const auto mark = std::min(word.find_first_of("0123456789", digits), word.size()) - digits;
            fits = value && taken < number.size() && mark <= 3 &&
                   (mark == 0 || static_cast<unsigned char>(word[digits]) >= 0x80);
            if (!fits) break;
            number[taken++] = *value;
            marked = marked || mark > 0;
            word.remove_prefix(digits + mark);
        }
        if (!fits) break;
        count = taken;
        line = attempt;
    }
    if (!marked || count < 2) return std::nullopt;
    civil_time t;
    if (count == 3) {
        const bool year_first = number[0] > 31;
        t.year = year_first ? number[0] : number[2];
        t.month = year_first ? number[1] : number[0];
        t.day = year_first ? number[2] : number[1];
        if (year_first) (void)parse_clock(line, t);
        return t.year >= 1900 ? with_year(t) : std::nullopt;
    }
    t.month = number[0];
    t.day = number[1];
    return parse_clock(line, t) ? without_year(t, now) : std::nullopt;
}

/// "2", "02", "2." or "2,".
std::optional<unsigned> read_day(std::string_view word) noexcept {
    while (word.ends_with('.') || word.ends_with(',')) word.remove_suffix(1);
    return word.size() > 2 ? std::nullopt : small_number(word, 31);
}

}  // namespace

std::optional<list_time> read_ls_time(words& line, std::int64_t now) {
    auto marked = line;
    if (const auto time = read_marked_date(marked, now)) {
        line = marked;
        return time;
    }
    auto first = line.next();
    if (!first.empty() && is_digit(first[0]) && first.find_first_of("-/") != std::string_view::npos)
        return read_joined_date(first, line, now);
    auto second = line.next();
    if (!first.empty() && is_digit(first[0])) std::swap(first, second);
    const auto month = month_of(first);
    const auto day = read_day(second);
    if (!month || !day) return std::nullopt;
    civil_time t;
    t.month = *month;
    t.day = *day;
    const auto third = line.next();
    const auto year_of = [](std::string_view word) {
        return word.size() == 4 ? small_number(word, 9999) : std::optional<unsigned>();
    };
    if (read_clock(third, t)) {
        // `ls -T` of BSD prints the year after the seconds. Without seconds such a word belongs to the name.
        const bool with_seconds = third.find(':') != third.rfind(':');
        auto attempt = line;
        const auto year = year_of(attempt.next());
        if (!with_seconds || !year || *year < 1900 || attempt.after_blank().empty()) return without_year(t, now);
        line = attempt;
        t.year = *year;
        return with_year(t);
    }
    const auto year = year_of(third);
    if (!year) return std::nullopt;
    t.year = *year;
    // "Oct 08, 2002 09:47": after a comma both year and time follow.
    if (second.ends_with(',')) (void)parse_clock(line, t);
    return with_year(t);
}

}  // namespace sallyport::proto::list_form
