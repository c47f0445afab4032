#include <sallyport/proto/hash_commands.hpp>

#include <algorithm>

namespace sallyport::proto {
namespace {

/// "10" or "10 20", after any number of blanks; `text` must not be blank.
[[nodiscard]] std::optional<byte_range> parse_numbers(std::string_view text) noexcept {
    byte_range out;
    const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
    text = without_trailing_blanks(text.substr(start));
    const std::size_t blank = std::min(text.find(' '), text.size());
    const auto begin = parse_decimal(text.substr(0, blank));
    if (!begin) return std::nullopt;
    out.begin = *begin;
    if (blank == text.size()) return out;
    const auto end = parse_decimal(text.substr(text.find_first_not_of(' ', blank)));
    if (!end || *end < *begin) return std::nullopt;
    out.end = *end;
    return out;
}

/// Where the last word begins, without the blanks before it; 0 if there is only one word.
[[nodiscard]] std::size_t last_blank(std::string_view text) noexcept {
    const std::size_t blank = text.rfind(' ');
    return blank == std::string_view::npos ? 0 : blank;
}

}  // namespace

std::optional<hash_algorithm> algorithm_of(verb id) noexcept {
    const auto* const found = std::ranges::find(hash_commands, id, &std::pair<verb, hash_algorithm>::first);
    if (found == hash_commands.end()) return std::nullopt;
    return found->second;
}

bool requests_hash(verb id) noexcept { return id == verb::hash || algorithm_of(id).has_value(); }

std::string hash_feature(hash_algorithm selected) {
    std::string out = "HASH ";
    for (const auto& row : hash_algorithms) {
        if (row.id != hash_algorithms.front().id) out += ';';
        out += row.name;
        if (row.id == selected) out += '*';
    }
    return out;
}

std::optional<byte_range> parse_range(std::string_view text) noexcept {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    const auto begin = parse_decimal(text.substr(0, blank));
    const auto last = parse_decimal(text.substr(blank + 1));
    if (!begin || !last) return std::nullopt;
    if (*begin == 1 && *last == 0) return byte_range{};
    if (*last < *begin) return std::nullopt;
    return byte_range{.begin = *begin, .end = *last + 1};
}

std::optional<hash_argument> hash_argument::parse(std::string_view text) {
    if (const std::size_t quote = text.rfind('"'); text.starts_with('"') && quote > 0) {
        hash_argument out{.name = std::string(text.substr(1, quote - 1))};
        const auto rest = text.substr(quote + 1);
        if (out.name.empty()) return std::nullopt;
        if (without_trailing_blanks(rest).empty()) return out;
        const auto range = rest.starts_with(' ') ? parse_numbers(rest) : std::nullopt;
        if (!range) return std::nullopt;
        out.range = *range;
        return out;
    }
    hash_argument out{.name = std::string(text)};
    text = without_trailing_blanks(text);
    // The last two words, or only the last one.
    const std::size_t last = last_blank(text);
    const std::size_t before = last_blank(without_trailing_blanks(text.substr(0, last)));
    for (const std::size_t at : {before, last}) {
        const auto name = without_trailing_blanks(text.substr(0, at));
        const auto range = name.empty() ? std::nullopt : parse_numbers(text.substr(at));
        if (!range) continue;
        out.otherwise = {std::string(name), *range};
        break;
    }
    return out;
}

}  // namespace sallyport::proto
