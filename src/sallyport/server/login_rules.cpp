#include <sallyport/server/login_rules.hpp>

#include <algorithm>
#include <array>
#include <ctime>

#include <sallyport/base/ascii.hpp>

namespace sallyport::server {
namespace {

constexpr auto day_names = std::to_array<std::string_view>({"mon", "tue", "wed", "thu", "fri", "sat", "sun"});
constexpr unsigned minutes_of_day = 24 * 60;
constexpr unsigned minutes_of_week = 7 * minutes_of_day;

std::optional<unsigned> parse_day(std::string_view name) {
    const auto* const found = std::ranges::find(day_names, name);
    if (found == day_names.end()) return std::nullopt;
    return static_cast<unsigned>(found - day_names.begin());
}

/// "mon-fri" or "sat".
std::optional<std::uint8_t> parse_days(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_day(text.substr(0, dash));
    const auto last = dash == text.npos ? first : parse_day(text.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    unsigned out = 0;
    for (unsigned day = *first;; day = (day + 1) % day_names.size()) {
        out |= 1U << day;
        if (day == *last) return static_cast<std::uint8_t>(out);
    }
}

/// "08:30".
std::optional<std::uint16_t> parse_minute(std::string_view text) {
    const auto digit = [&](std::size_t i) { return static_cast<unsigned>(text[i] - '0'); };
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    for (const std::size_t i : {0U, 1U, 3U, 4U})
        if (!is_digit(text[i])) return std::nullopt;
    const unsigned minutes = digit(3) * 10 + digit(4);
    const unsigned out = (digit(0) * 10 + digit(1)) * 60 + minutes;
    if (minutes > 59 || out > minutes_of_day) return std::nullopt;
    return static_cast<std::uint16_t>(out);
}

unsigned minute_of_week(std::int64_t now) {
    const auto seconds = static_cast<std::time_t>(now);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    // tm_wday: 0 is Sunday.
    const unsigned day = static_cast<unsigned>(local.tm_wday + 6) % 7;
    return day * minutes_of_day + static_cast<unsigned>(local.tm_hour * 60 + local.tm_min);
}

}  // namespace

std::optional<login_hours> parse_hours(std::string_view text) {
    login_hours out;
    if (const auto space = text.find(' '); space != text.npos) {
        const auto days = parse_days(text.substr(0, space));
        if (!days) return std::nullopt;
        out.days = *days;
        text.remove_prefix(space + 1);
    }
    const auto dash = text.find('-');
    if (dash == text.npos) return std::nullopt;
    const auto from = parse_minute(text.substr(0, dash));
    const auto to = parse_minute(text.substr(dash + 1));
    if (!from || !to || *from == *to || *from == minutes_of_day) return std::nullopt;
    out.from = *from;
    out.to = *to;
    return out;
}

bool contains(const login_hours& hours, unsigned minute) noexcept {
    const unsigned length = (hours.to > hours.from ? 0 : minutes_of_day) + hours.to - hours.from;
    for (unsigned day = 0; day < day_names.size(); ++day) {
        if ((hours.days & (1U << day)) == 0) continue;
        const unsigned begin = day * minutes_of_day + hours.from;
        if ((minute + minutes_of_week - begin) % minutes_of_week < length) return true;
    }
    return false;
}

result<void> check_login_rules(const login_rules& rules, const ip_address& client, bool tls, std::int64_t now) {
    const auto is_in = [&client](const std::vector<ip_network>& networks) {
        return std::ranges::any_of(networks, [&client](const ip_network& n) { return n.contains(client); });
    };
    if (is_in(rules.refuse_from) || (!rules.allow_from.empty() && !is_in(rules.allow_from)))
        return fail(errc::login_refused, "the account may not log in from this address");
    if (!rules.hours.empty()) {
        const auto minute = minute_of_week(now);
        const auto is_now = [minute](const login_hours& h) { return contains(h, minute); };
        if (std::ranges::none_of(rules.hours, is_now))
            return fail(errc::login_refused, "the account may not log in at this time");
    }
    if (rules.expires && now >= *rules.expires) return fail(errc::login_refused, "the account has expired");
    if (rules.tls_required && !tls)
        return fail(errc::not_allowed, "This account requires TLS; connect with TLS (AUTH TLS), then log in again.");
    return {};
}

}  // namespace sallyport::server
