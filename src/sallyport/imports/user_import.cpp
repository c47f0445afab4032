#include <sallyport/imports/user_import.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/imports/import_report.hpp>
#include <sallyport/proto/client_side/login_rules.hpp>
#include <sallyport/server/login_rules.hpp>
#include <sallyport/server/secret.hpp>

namespace sallyport::imports {
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
    // Lines of TOML.
    std::string settings{};
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
    if (!path.empty()) into.settings += fmt::format("home = {}\n", toml_text(path));
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
    into.settings += fmt::format("expires = {:04}-{:02}-{:02}\n", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

bool is_set(std::string_view field) { return !field.empty() && field != "0"; }

result<void> add_number(imported_line& into, std::string_view key, std::string_view field) {
    if (!is_set(field)) return {};
    const auto number = parse_decimal(field);
    if (!number) return fail(errc::usage, fmt::format("{}: '{}' is no number; correct it", key, escape(field, 100)));
    into.settings += fmt::format("{} = {}\n", key, *number);
    return {};
}

/// Networks with commas between them.
result<void> add_networks(imported_line& into, std::string_view key, std::string_view field) {
    if (!is_set(field)) return {};
    std::vector<std::string> networks;
    for (std::string_view rest = field; !rest.empty();) {
        const auto network = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), network.size() + 1));
        if (!ip_network::parse(network))
            return fail(errc::usage,
                        fmt::format("{}: '{}' is no network; use one such as 192.0.2.0/24", key, escape(network, 100)));
        networks.emplace_back(network);
    }
    into.settings += fmt::format("{} = {}\n", key, toml_list(networks));
    return {};
}

/// "0800-1800"
void add_hours(imported_line& into, std::string_view h) {
    if (!is_set(h)) return;
    const auto hours = h.size() == 9 && h[4] == '-'
                           ? fmt::format("{}:{}-{}:{}", h.substr(0, 2), h.substr(2, 2), h.substr(5, 2), h.substr(7, 2))
                           : std::string();
    if (server::parse_hours(hours))
        into.settings += fmt::format("hours = {}\n", toml_list({hours}));
    else
        into.lost.emplace_back("hours");
}

result<void> read_pure_pw(imported_line& into, const fields& f) {
    into.dropped = {"user and group ID"};
    add_home(into, f[5]);
    if (is_set(f[8]) || is_set(f[9])) into.lost.emplace_back("ratio");
    if (is_set(f[13]) || is_set(f[14])) into.lost.emplace_back("local addresses");
    for (const auto& [key, field] :
         {std::pair("upload-rate", f[6]), std::pair("download-rate", f[7]), std::pair("max-sessions", f[10]),
          std::pair("quota-files", f[11]), std::pair("quota-bytes", f[12])})
        if (auto done = add_number(into, key, field); !done) return done;
    for (const auto& [key, field] : {std::pair("allow-from", f[15]), std::pair("refuse-from", f[16])})
        if (auto done = add_networks(into, key, field); !done) return done;
    add_hours(into, f[17]);
    return {};
}

result<imported_line> read_line(const fields& f) {
    imported_line out;
    switch (f.size()) {
        case htpasswd_fields: break;
        case passwd_fields: read_passwd(out, f); break;
        case shadow_fields: read_shadow(out, f); break;
        case pure_pw_fields:
            if (auto done = read_pure_pw(out, f); !done) return std::unexpected(std::move(done.error()));
            break;
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

result<void> add_line(user_import& into, std::set<std::string_view>& names, std::string_view line) {
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
    into.users.push_back({std::string(f[0]), std::string(f[1]), std::move(read->settings)});
    auto report = fmt::format("{}: taken over", name);
    if (!read->dropped.empty()) report += fmt::format("; without {}", fmt::join(read->dropped, ", "));
    if (!read->lost.empty()) report += fmt::format("; LESS SAFE without {}", fmt::join(read->lost, ", "));
    into.report.push_back(std::move(report));
    into.has_losses = into.has_losses || !read->lost.empty();
    return {};
}

}  // namespace

result<user_import> import_users(std::string_view text) {
    user_import out;
    std::set<std::string_view> names;
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        if (auto done = add_line(out, names, line); !done)
            return fail(errc::usage, fmt::format("line {}: {}", number, done.error().what));
    }
    return out;
}

}  // namespace sallyport::imports
