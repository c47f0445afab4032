#include <sallyport/cli/key_trust.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/cli/utc_text.hpp>

namespace sallyport::cli {
namespace {

constexpr std::string_view key_prefix = "sha256//";

bool is_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

/// The first line of the terminal.
bool says_yes() {
    std::array<char, 256> line{};
    const auto n = ::read(STDIN_FILENO, line.data(), line.size());
    return n > 0 && (line.front() == 'y' || line.front() == 'Y');
}

}  // namespace

key_verdict judge_key(trust_mode mode, const std::vector<std::string>& pins, const std::optional<trusted_key>& known,
                      std::string_view key) {
    if (!pins.empty()) return std::ranges::find(pins, key) != pins.end() ? key_verdict::trusted : key_verdict::changed;
    if (known) return known->key == key ? key_verdict::trusted : key_verdict::changed;
    if (mode == trust_mode::first_use) return key_verdict::keep;
    return mode == trust_mode::ask ? key_verdict::ask : key_verdict::unknown;
}

result<void> check_pin(std::string_view text) {
    constexpr std::size_t length = 44;
    const auto digits = text.substr(std::min(key_prefix.size(), text.size()));
    const bool fits = text.starts_with(key_prefix) && digits.size() == length && digits.ends_with('=') &&
                      std::ranges::all_of(digits.substr(0, length - 1),
                                          [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/'; });
    if (fits) return {};
    return fail(errc::usage,
                fmt::format("--pin {}: not a key; it has the form sha256//BASE64, as the message about an untrusted "
                            "certificate shows it",
                            escape(text, 100)));
}

key_trust::key_trust(const client::url& server, trust_mode mode, std::vector<std::string> pins, bool quiet)
    : host_(to_lower(server.host)), port_(server.port), mode_(mode), pins_(std::move(pins)), is_quiet_(quiet) {}

result<std::optional<trusted_key>> key_trust::known_key() const {
    if (!accepted_.empty()) return trusted_key{accepted_, seconds_now()};
    auto database = site_database::open(site_database_file(), site_access::read);
    if (!database && database.error().code == errc::not_found) return std::nullopt;
    if (!database) return std::unexpected(std::move(database.error()));
    return database->key_of(host_, port_);
}

client::refused_key key_trust::unknown(const std::string& key, std::string_view why) const {
    return {client::key_refusal::unknown, fmt::format("the key of {} is {}, {}", host_, key, why)};
}

client::refused_key key_trust::changed(const std::string& key, const trusted_key& known) const {
    return {client::key_refusal::changed, fmt::format("the key of {} has changed: it was {} on {}, and is {} now", host_,
                                                      known.key, utc_date(known.since), key)};
}

std::optional<client::refused_key> key_trust::refusal_of(const std::string& key) {
    const std::lock_guard lock(mutex_);
    std::optional<trusted_key> known;
    if (pins_.empty()) {
        auto found = known_key();
        if (!found) return unknown(key, "and the known keys cannot be read: " + found.error().text());
        known = std::move(*found);
    }
    switch (judge_key(mode_, pins_, known, key)) {
        case key_verdict::trusted: break;
        case key_verdict::keep: return keep(key);
        case key_verdict::ask: return ask(key);
        case key_verdict::unknown: return unknown(key, "which is not known");
        case key_verdict::changed:
            if (!pins_.empty()) return unknown(key, fmt::format("but --pin permits {} only", fmt::join(pins_, " and ")));
            return changed(key, *known);
    }
    accepted_ = key;
    return std::nullopt;
}

std::optional<client::refused_key> key_trust::keep(const std::string& key) {
    auto database = site_database::open(site_database_file(), site_access::change);
    // Another client may have kept one meanwhile.
    auto known = database ? database->key_of(host_, port_) : std::unexpected(database.error());
    if (known && *known && (*known)->key != key) return changed(key, **known);
    auto stored = known ? database->trust(host_, port_, {key, seconds_now()}) : std::unexpected(known.error());
    if (stored) stored = database->commit();
    if (!stored) return unknown(key, "and cannot be kept: " + stored.error().text());
    if (!is_quiet_)
        fmt::print(stderr, "sallyport: the key of {} is {}; it is kept, and required from now on\n", escape(host_, 300),
                   key);
    accepted_ = key;
    return std::nullopt;
}

std::optional<client::refused_key> key_trust::ask(const std::string& key) {
    if (!is_terminal()) return unknown(key, "which is not known, and there is no terminal to ask on");
    fmt::print(stderr,
               "The key of {} is {}.\nIt is not known; compare it with what the server's administrator says. Trust and keep "
               "it? [y/N] ",
               escape(host_, 300), key);
    if (!says_yes()) return unknown(key, "which was not accepted");
    return keep(key);
}

}  // namespace sallyport::cli
