#include <sallyport/proto/size_reply.hpp>

#include <algorithm>
#include <string_view>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {

namespace {

using size = std::optional<std::uint64_t>;

constexpr std::string_view blanks(" \t");

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// Removes the first word.
std::string_view next_word(std::string_view& text) {
    text = trimmed(text);
    const auto end = std::min(text.find_first_of(blanks), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

/// A number that must be the same each time.
class agreed_number {
public:
    void add(size n) {
        if (!n) return;
        if (value_ && *value_ != *n) differ_ = true;
        value_ = n;
    }
    [[nodiscard]] bool any() const { return value_.has_value(); }
    [[nodiscard]] size value() const { return differ_ ? std::nullopt : value_; }

private:
    size value_;
    bool differ_ = false;
};

/// "(5000 bytes)", with any blanks and in any case.
size in_parentheses(std::string_view inside) {
    const auto number = next_word(inside);
    const auto unit = next_word(inside);
    if ((!iequals(unit, "bytes") && !iequals(unit, "byte")) || !trimmed(inside).empty()) return std::nullopt;
    return parse_decimal(number);
}

size last_in_parentheses(std::string_view line) {
    for (auto close = line.rfind(')'); close != line.npos; close = close == 0 ? line.npos : line.rfind(')', close - 1)) {
        const auto open = line.rfind('(', close);
        if (open == line.npos) break;
        if (const auto found = in_parentheses(line.substr(open + 1, close - open - 1))) return found;
    }
    return std::nullopt;
}

}  // namespace

size size_in(const reply& r) {
    agreed_number alone;
    agreed_number among_words;
    for (const std::string_view line : r.lines) {
        alone.add(parse_decimal(trimmed(line)));
        for (auto rest = line; !trimmed(rest).empty();) among_words.add(parse_decimal(next_word(rest)));
    }
    return alone.any() ? alone.value() : among_words.value();
}

size announced_size(const reply& r) {
    for (auto line = r.lines.rbegin(); line != r.lines.rend(); ++line)
        if (const auto found = last_in_parentheses(*line)) return found;
    return std::nullopt;
}

}  // namespace sallyport::proto
