#include <sallyport/proto/size_reply.hpp>

#include <string_view>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/words.hpp>

namespace sallyport::proto {

namespace {

using size = std::optional<std::uint64_t>;

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
    words rest(inside);
    const auto number = rest.next();
    const auto unit = rest.next();
    if ((!iequals(unit, "bytes") && !iequals(unit, "byte")) || !rest.next().empty()) return std::nullopt;
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
        words rest(line);
        const auto first = rest.next();
        if (rest.peek().empty()) alone.add(parse_decimal(first));
        for (auto word = first; !word.empty(); word = rest.next()) among_words.add(parse_decimal(word));
    }
    return alone.any() ? alone.value() : among_words.value();
}

size announced_size(const reply& r) {
    for (auto line = r.lines.rbegin(); line != r.lines.rend(); ++line)
        if (const auto found = last_in_parentheses(*line)) return found;
    return std::nullopt;
}

}  // namespace sallyport::proto
