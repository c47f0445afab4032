#include <sallyport/cli/account_values.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/cli/option_types.hpp>

namespace sallyport::cli {
namespace {

[[nodiscard]] std::unexpected<error> refuse(std::string what) { return fail(errc::usage, std::move(what)); }

/// A list of texts, of which `read` makes a result<T> each.
template <class T, class Read>
result<std::vector<T>> read_each(const toml::node& value, std::string_view example, Read read) {
    const auto* const list = value.as_array();
    if (list == nullptr) return refuse(fmt::format("needs a list, for example {}", example));
    std::vector<T> out;
    for (const auto& item : *list) {
        const auto text = account_text(item);
        if (!text) return std::unexpected(text.error());
        result<T> one = read(*text);
        if (!one) return std::unexpected(std::move(one.error()));
        out.push_back(std::move(*one));
    }
    return out;
}

[[nodiscard]] std::string known_rights() {
    std::string out;
    for (const auto& [name, r] : server::right_names) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
    return out;
}

/// "AB:CD:...", with or without colons; empty if it is none.
std::string fingerprint_of(std::string_view text) {
    std::string digits;
    for (const char c : text)
        if (c != ':') digits += to_upper(c);
    constexpr std::size_t digits_of_sha256 = 64;
    if (digits.size() != digits_of_sha256 || digits.find_first_not_of("0123456789ABCDEF") != digits.npos) return {};
    for (std::size_t at = digits_of_sha256 - 2; at > 0; at -= 2) digits.insert(at, ":");
    return digits;
}

}  // namespace

result<std::string> account_text(const toml::node& value) {
    const auto* const text = value.as_string();
    if (text == nullptr) return refuse("needs a text in quotation marks");
    if (text->get().empty()) return refuse("is empty; write a value, or remove the key");
    if (std::ranges::any_of(text->get(), is_control)) return refuse("contains control characters; remove them");
    return text->get();
}

result<bool> account_switch(const toml::node& value) {
    const auto* const flag = value.as_boolean();
    if (flag == nullptr) return refuse("needs true or false");
    return flag->get();
}

result<std::uint64_t> account_count(const toml::node& value, bool units) {
    const std::uint64_t max = units ? 1ULL << 50U : 1ULL << 40U;
    std::string text;
    if (const auto* const number = value.as_integer())
        text = std::to_string(number->get());
    else if (const auto* const written = value.as_string(); written != nullptr && units)
        text = written->get();
    else
        return refuse(units ? "needs a number, or a text with a unit such as \"10M\"" : "needs a number");
    return parse_count(text, {.min = 1, .max = max, .zero = true}, units);
}

result<server::right_set> account_rights(const toml::node& value) {
    const auto named =
        read_each<server::right>(value, R"(["list", "read"])", [](const std::string& name) -> result<server::right> {
            if (const auto known = server::parse_right(name)) return *known;
            return refuse(fmt::format("'{}' is no right; the rights are {}", escape(name, 100), known_rights()));
        });
    if (!named) return std::unexpected(named.error());
    server::right_set out;
    for (const auto each : *named) out.add(each);
    return out;
}

result<std::vector<server::path_rights>> account_paths(const toml::node& value) {
    const auto* const table = value.as_table();
    if (table == nullptr) return refuse("needs a section of its own, with \"/PATH\" = [RIGHTS] in each line");
    std::vector<server::path_rights> out;
    for (const auto& [key, rights] : *table) {
        const std::string text(key.str());
        const auto name = escape(text, 200);
        const auto path = text.starts_with('/') ? virtual_path().resolve(text) : std::nullopt;
        if (!path)
            return refuse(fmt::format("'{}' is no path; write one that begins with '/', which is the account's home", name));
        if (std::ranges::find(out, *path, &server::path_rights::path) != out.end())
            return refuse(fmt::format("'{}' is named twice; remove one of them", escape(path->text(), 200)));
        const auto set = account_rights(rights);
        if (!set) return refuse(fmt::format("'{}' {}", name, set.error().what));
        out.push_back({*path, *set});
    }
    return out;
}

result<std::vector<std::string>> account_patterns(const toml::node& value) {
    return read_each<std::string>(value, R"(["*.key", ".ht*"])", [](const std::string& pattern) -> result<std::string> {
        const auto name = escape(pattern, 200);
        if (pattern.contains('/'))
            return refuse(fmt::format("'{}' contains '/', but patterns are compared with names; use paths for paths", name));
        if (pattern.starts_with('{') && pattern.ends_with('}'))
            return refuse(
                fmt::format("'{}' has braces, which mean nothing here; write each pattern as a text of its own", name));
        return pattern;
    });
}

result<std::vector<std::string>> account_certificates(const toml::node& value) {
    return read_each<std::string>(value, R"(["cn:NAME"])", [](const std::string& text) -> result<std::string> {
        const auto colon = text.find(':');
        const auto kind = text.substr(0, colon);
        const auto name = colon == text.npos ? std::string() : text.substr(colon + 1);
        if ((kind == "cn" || kind == "email" || kind == "dns") && !name.empty()) return text;
        if (kind != "sha256")
            return refuse(
                fmt::format("'{}' names no part of a certificate; use cn:NAME, email:ADDRESS, dns:HOST or "
                            "sha256:FINGERPRINT",
                            escape(text, 200)));
        const auto fingerprint = fingerprint_of(name);
        if (fingerprint.empty())
            return refuse(
                fmt::format("'{}' is no SHA-256 fingerprint; 'openssl x509 -fingerprint -sha256 -noout -in FILE' "
                            "prints one",
                            escape(name, 200)));
        return "sha256:" + fingerprint;
    });
}

result<std::vector<ip_network>> account_networks(const toml::node& value) {
    return read_each<ip_network>(value, R"(["192.0.2.0/24"])", [](const std::string& text) -> result<ip_network> {
        const auto network = ip_network::parse(text);
        if (network) return *network;
        return refuse(fmt::format("'{}' is no network; use ADDRESS/PREFIX without bits after the prefix, or an address",
                                  escape(text, 100)));
    });
}

result<std::vector<server::login_hours>> account_hours(const toml::node& value) {
    return read_each<server::login_hours>(
        value, R"(["mon-fri 08:00-18:00"])", [](const std::string& text) -> result<server::login_hours> {
            const auto hours = server::parse_hours(text);
            if (hours) return *hours;
            return refuse(fmt::format("'{}' is no time; use HH:MM-HH:MM, or a day or days before it: 'mon-fri 08:00-18:00'",
                                      escape(text, 100)));
        });
}

result<std::int64_t> account_expiry(const toml::node& value) {
    const auto* const date = value.as_date();
    if (date == nullptr) return refuse("needs a date without quotation marks, for example 2030-12-31");
    const std::chrono::year_month_day day{std::chrono::year(date->get().year), std::chrono::month(date->get().month),
                                          std::chrono::day(date->get().day)};
    if (!day.ok()) return refuse("is a day that does not exist");
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::sys_days(day).time_since_epoch()).count();
}

result<std::uint32_t> account_mode(const toml::node& value, std::uint32_t needed) {
    const auto* const text = value.as_string();
    const std::string digits = text == nullptr ? std::string() : text->get();
    std::uint32_t mode = 0;
    const auto* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, mode, 8);
    if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != end || mode > 0777)
        return refuse("needs an octal mode in quotation marks, from \"0000\" to \"0777\"");
    // Otherwise the server could not use what it has stored.
    if ((mode & needed) != needed) return refuse(fmt::format("lacks bits of {:04o}, those of the owner; add them", needed));
    return mode;
}

}  // namespace sallyport::cli
