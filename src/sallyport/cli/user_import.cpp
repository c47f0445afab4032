#include <sallyport/cli/user_import.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/account_changes.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/server/secret.hpp>

namespace sallyport::cli {
namespace {

using fields = std::vector<std::string_view>;

constexpr std::size_t htpasswd_fields = 2;
constexpr std::size_t passwd_fields = 7;
constexpr std::size_t shadow_fields = 9;
constexpr std::size_t pure_pw_fields = 18;

fields fields_of(std::string_view line) {
    fields out;
    for (;;) {
        const auto colon = line.find(':');
        out.push_back(line.substr(0, colon));
        if (colon == line.npos) return out;
        line.remove_prefix(colon + 1);
    }
}

/// What becomes of one line.
struct imported_line {
    // KEY=VALUE.
    std::vector<std::string> settings{};
    std::vector<std::string> dropped{};
    // Dropped, and the account may do more without it.
    std::vector<std::string> lost{};
};

void add_home(imported_line& into, std::string_view home) {
    std::string path(home);
    // "/./" is where Pure-FTPd confines the user; here, the home always confines.
    if (const auto at = path.find("/./"); at != path.npos) {
        if (at + 3 < path.size()) into.lost.emplace_back("the start below the home");
        path.resize(at);
    }
    if (!path.empty()) into.settings.push_back("home=" + path);
}

void read_passwd(imported_line& into, const fields& f) {
    into.dropped = {"user and group ID"};
    add_home(into, f[5]);
    if (!f[6].empty()) into.dropped.emplace_back("shell");
}

void read_shadow(imported_line& into, const fields& f) {
    if (f[7].empty()) return;
    int day = 0;
    const auto parsed = std::from_chars(f[7].data(), f[7].data() + f[7].size(), day);
    if (parsed.ec != std::errc() || parsed.ptr != f[7].data() + f[7].size()) {
        into.lost.emplace_back("the day of expiry, which is no number");
        return;
    }
    const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
    into.settings.push_back(fmt::format("expires={:04}-{:02}-{:02}", static_cast<int>(date.year()),
                                        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())));
}

void read_pure_pw(imported_line& into, const fields& f) {
    into.dropped = {"user and group ID"};
    add_home(into, f[5]);
    const auto is_set = [&f](std::size_t i) { return !f[i].empty() && f[i] != "0"; };
    const auto take = [&](std::size_t i, std::string_view key) {
        if (is_set(i)) into.settings.push_back(fmt::format("{}={}", key, f[i]));
    };
    take(6, "upload-rate");
    take(7, "download-rate");
    if (is_set(8) || is_set(9)) into.lost.emplace_back("ratio");
    take(10, "max-sessions");
    take(11, "quota-files");
    take(12, "quota-bytes");
    if (is_set(13) || is_set(14)) into.lost.emplace_back("local addresses");
    take(15, "allow-from");
    take(16, "refuse-from");
    if (!is_set(17)) return;
    // "0800-1800"
    if (const auto h = f[17]; h.size() == 9 && h[4] == '-')
        into.settings.push_back(
            fmt::format("hours={}:{}-{}:{}", h.substr(0, 2), h.substr(2, 2), h.substr(5, 2), h.substr(7, 2)));
    else
        into.lost.emplace_back("hours");
}

result<imported_line> read_line(const fields& f) {
    imported_line out;
    switch (f.size()) {
        case htpasswd_fields: break;
        case passwd_fields: read_passwd(out, f); break;
        case shadow_fields: read_shadow(out, f); break;
        case pure_pw_fields: read_pure_pw(out, f); break;
        default:
            return fail(
                errc::usage,
                fmt::format("has {} fields; lines of htpasswd have {}, of ftpasswd {}, of /etc/shadow {}, of pure-pw {}",
                            f.size(), htpasswd_fields, passwd_fields, shadow_fields, pure_pw_fields));
    }
    return out;
}

/// Why an account is left out, or nothing; `is_locked`: it could not log in before either.
std::string obstacle_of(const fields& f, bool& is_locked) {
    static constexpr auto locked = std::to_array<std::string_view>({"", "*", "!", "!!", "x", "!*", "*LK*", "*NP*"});
    const std::string_view hash = f[1];
    is_locked = std::ranges::find(locked, hash) != locked.end() || hash.starts_with("!$") || hash.starts_with("!!$") ||
                hash.starts_with("*LK*");
    if (is_locked) return hash.empty() ? "it has no password" : "it is locked";
    if (f.size() == shadow_fields && f[0] == "root") {
        is_locked = true;
        return "root does not log in by FTP";
    }
    if (proto::is_anonymous_name(f[0])) return "this name means anonymous login";
    const auto secret = server::parse_secret(hash);
    if (!secret) return secret.error().what;
    return secret->kind == server::secret_kind::plain ? "its password is no hash of a supported kind" : "";
}

result<void> add_line(user_import& into, std::set<std::string_view>& names, std::string_view line,
                      const std::vector<std::string>& changes) {
    const auto f = fields_of(line);
    auto read = read_line(f);
    if (!read) return std::unexpected(std::move(read.error()));
    if (f[0].empty() || std::ranges::any_of(line, is_control))
        return fail(errc::usage, "has no name, or contains control characters; correct it");
    const auto name = escape(f[0], 100);
    if (!names.insert(f[0]).second) return fail(errc::usage, fmt::format("'{}' is there twice; remove one of them", name));
    bool is_locked = false;
    if (const auto why = obstacle_of(f, is_locked); !why.empty()) {
        into.report.push_back(fmt::format("{}: left out: {}", name, why));
        into.has_losses = into.has_losses || !is_locked;
        return {};
    }
    auto settings = change_settings("", read->settings);
    if (settings) settings = change_settings(*settings, changes);
    if (!settings) return std::unexpected(std::move(settings.error()));
    into.users.push_back({std::string(f[0]), std::string(f[1]), std::move(*settings)});
    auto report = fmt::format("{}: taken over", name);
    if (!read->dropped.empty()) report += fmt::format("; without {}", fmt::join(read->dropped, ", "));
    if (!read->lost.empty()) report += fmt::format("; LESS SAFE without {}", fmt::join(read->lost, ", "));
    into.report.push_back(std::move(report));
    into.has_losses = into.has_losses || !read->lost.empty();
    return {};
}

}  // namespace

result<user_import> import_users(std::string_view text, const std::vector<std::string>& changes) {
    user_import out;
    std::set<std::string_view> names;
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        if (auto done = add_line(out, names, line, changes); !done)
            return fail(errc::usage, fmt::format("line {}: {}", number, done.error().what));
    }
    return out;
}

}  // namespace sallyport::cli
