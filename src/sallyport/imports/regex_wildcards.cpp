#include <sallyport/imports/regex_wildcards.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

#include <sallyport/base/ascii.hpp>

namespace sallyport::imports {
namespace {

using wildcard_texts = std::vector<std::string>;

constexpr std::size_t max_alternatives = 64;
constexpr std::size_t max_regex_depth = 8;

/// One item of an expression: the wildcards for it, and how many bytes it has.
class regex_reader {
public:
    explicit regex_reader(std::string_view text) : rest_(text) {}

    /// Up to the end or to the ')' of this group.
    std::optional<wildcard_texts> alternatives(std::size_t depth) {
        if (depth == max_regex_depth) return std::nullopt;
        wildcard_texts out;
        wildcard_texts branch = {""};
        for (;;) {
            if (rest_.empty() || rest_.front() == ')' || rest_.front() == '|') {
                out.insert(out.end(), branch.begin(), branch.end());
                if (out.size() > max_alternatives) return std::nullopt;
                if (rest_.empty() || rest_.front() == ')') return out;
                rest_.remove_prefix(1);
                branch = {""};
                continue;
            }
            const auto next = item(depth);
            if (!next) return std::nullopt;
            wildcard_texts longer;
            for (const auto& head : branch)
                for (const auto& tail : *next) longer.push_back(head + tail);
            if (longer.size() > max_alternatives) return std::nullopt;
            branch = std::move(longer);
        }
    }

    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

private:
    char take() {
        const char out = rest_.front();
        rest_.remove_prefix(1);
        return out;
    }

    [[nodiscard]] bool is_repeated() const noexcept {
        return !rest_.empty() && std::string_view("*+?{").contains(rest_.front());
    }

    std::optional<wildcard_texts> item(std::size_t depth) {
        const char c = take();
        if (c == '.') {
            std::string out = "?";
            if (is_repeated()) {
                const char how = take();
                if (how != '*' && how != '+') return std::nullopt;
                out = how == '*' ? "*" : "?*";
            }
            return is_repeated() ? std::nullopt : std::optional(wildcard_texts{out});
        }
        // Anchors stand for themselves until the end: "\x01" and "\x02" are in no expression that is read here.
        if (c == '^' || c == '$')
            return is_repeated() ? std::nullopt : std::optional(wildcard_texts{c == '^' ? "\x01" : "\x02"});
        std::optional<wildcard_texts> out;
        if (c == '(') {
            out = alternatives(depth + 1);
            if (!out || rest_.empty()) return std::nullopt;
            rest_.remove_prefix(1);
        } else if (c == '[') {
            out = set();
        } else if (c == '\\') {
            if (rest_.empty() || is_alpha(rest_.front()) || is_digit(rest_.front())) return std::nullopt;
            out = literal(take());
        } else if (!std::string_view("*+?{}]").contains(c)) {
            out = literal(c);
        }
        return is_repeated() ? std::nullopt : out;
    }

    static std::optional<wildcard_texts> literal(char c) {
        if (is_control(c) || c == '/') return std::nullopt;
        if (c == '*' || c == '?' || c == '[') return wildcard_texts{std::string("[") + c + "]"};
        return wildcard_texts{std::string(1, c)};
    }

    /// Letters, digits, ranges; not the negated ones.
    std::optional<wildcard_texts> set() {
        const auto end = rest_.find(']');
        if (end == 0 || end == rest_.npos) return std::nullopt;
        const auto inside = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        const bool is_plain =
            std::ranges::all_of(inside, [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; });
        return is_plain ? std::optional(wildcard_texts{"[" + std::string(inside) + "]"}) : std::nullopt;
    }

    std::string_view rest_;
};

}  // namespace

std::optional<wildcard_texts> wildcards_of_regex(std::string_view regex) {
    if (regex.empty() || std::ranges::any_of(regex, is_control)) return std::nullopt;
    regex_reader reader(regex);
    auto read = reader.alternatives(0);
    if (!read || !reader.at_end()) return std::nullopt;
    for (auto& text : *read) {
        const bool from_start = text.starts_with('\x01');
        const bool to_end = text.ends_with('\x02');
        if (from_start) text.erase(0, 1);
        if (to_end) text.pop_back();
        if (text.find_first_of("\x01\x02") != text.npos) return std::nullopt;
        if (!from_start && !text.starts_with('*')) text.insert(0, 1, '*');
        if (!to_end && !text.ends_with('*')) text += '*';
        if (text.find_first_not_of('*') == text.npos) return std::nullopt;
    }
    return read;
}

}  // namespace sallyport::imports
