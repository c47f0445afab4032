// Listings of MS-DOS `dir`, as sent by IIS and other servers on Windows, and of OS/2.

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto::list_form {

namespace {

/// "01-02-06", "01-02-2006" (month first), "2006-01-02" or "02.01.2006" (day first); '/' instead of '-' too.
bool read_dos_date(std::string_view word, civil_time& into) noexcept {
    if (word.size() != 8 && word.size() != 10) return false;
    const bool year_first = word.size() == 10 && !is_digit(word[4]);
    const std::size_t month_at = year_first ? 5 : 0;
    const char separator = word[month_at + 2];
    const bool day_first = separator == '.' && !year_first;
    if (std::string_view("-/.").find(separator) == std::string_view::npos || word[year_first ? 4 : 5] != separator)
        return false;
    const auto year = read_year(year_first ? word.substr(0, 4) : word.substr(6));
    const auto month = small_number(word.substr(day_first ? 3 : month_at, 2), 12);
    const auto day = small_number(word.substr(day_first ? 0 : month_at + 3, 2), 31);
    if (!year || !month || !day) return false;
    into.year = *year;
    into.month = *month;
    into.day = *day;
    return true;
}

/// "03:04PM", "03:04P", "15:04", and "03:04 PM" in two words.
bool read_dos_clock(words& line, civil_time& into) noexcept {
    auto word = line.next();
    char half = ' ';
    if (iequals(line.peek(), "AM") || iequals(line.peek(), "PM")) half = to_upper(line.next().front());
    while (!word.empty() && is_alpha(word.back()) && to_upper(word.back()) == 'M') word.remove_suffix(1);
    if (!word.empty() && is_alpha(word.back())) {
        if (half != ' ') return false;
        half = to_upper(word.back());
        word.remove_suffix(1);
    }
    const bool twelve = half == 'A' || half == 'P';
    if ((half != ' ' && !twelve) || !read_clock(word, into) || (twelve && (into.hour < 1 || into.hour > 12))) return false;
    if (twelve) into.hour = into.hour % 12 + (half == 'P' ? 12 : 0);
    return true;
}

/// "07-14-99", "04-23-103": month, day, and years since 1900.
bool read_os2_date(std::string_view word, civil_time& into) noexcept {
    if (word.size() < 8 || word.size() > 10 || word[2] != '-' || word[5] != '-') return false;
    const auto month = small_number(word.substr(0, 2), 12);
    const auto day = small_number(word.substr(3, 2), 31);
    const auto year = read_year(word.substr(6));
    if (!month || !day || !year) return false;
    into.month = *month;
    into.day = *day;
    into.year = *year;
    return true;
}

}  // namespace

verdict read_dos(std::string_view text, list_state& /*state*/, entry& into) {
    if (!is_digit(text.front())) return verdict::unknown;
    words line(text);
    civil_time t;
    if (!read_dos_date(line.next(), t) || !read_dos_clock(line, t)) return verdict::unknown;
    const auto modified = to_seconds(t);
    const auto field = line.next();
    const auto size = grouped_number(field);
    const bool directory = iequals(field, "<DIR>");
    const bool link = iequals(field, "<JUNCTION>") || iequals(field, "<SYMLINK>") || iequals(field, "<SYMLINKD>");
    if (!modified || (!size && !directory && !link)) return verdict::unknown;
    into.type = directory ? entry_type::directory : link ? entry_type::link : entry_type::file;
    set_modified(into, modified);
    into.size = size.value_or(0);
    into.has_size = size.has_value();
    // IIS pads "<DIR>" to the width of sizes, and sends one blank after a size.
    into.name = size ? line.after_blank() : line.after_blanks();
    return into.name.empty() ? verdict::unknown : verdict::entry;
}

/// "    36611      A    04-23-103  10:57  name": size, "DIR" or attributes, date, time.
verdict read_os2(std::string_view text, list_state& /*state*/, entry& into) {
    words line(text);
    const auto size = parse_decimal(line.next());
    if (!size) return verdict::unknown;
    auto word = line.next();
    for (; !word.empty() && word.find_first_not_of("RHSADI") == std::string_view::npos; word = line.next())
        if (word == "DIR") into.type = entry_type::directory;
    civil_time t;
    if (!read_os2_date(word, t) || !read_clock(line.next(), t)) return verdict::unknown;
    const auto modified = to_seconds(t);
    if (!modified) return verdict::unknown;
    set_modified(into, modified);
    into.has_size = into.type == entry_type::file;
    into.size = into.has_size ? *size : 0;
    into.name = line.after_blanks();
    return into.name.empty() ? verdict::unknown : verdict::entry;
}

}  // namespace sallyport::proto::list_form
