#include <load/wire.hpp>

#include <array>
#include <charconv>

namespace sallyport::load {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// 0 if `line` does not begin with a reply code.
int code_of(std::string_view line) {
    if (line.size() < 3 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2])) return 0;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

}  // namespace

void reply_reader::add(std::string_view input) {
    if (consumed_ == buffer_.size()) {
        buffer_.clear();
        consumed_ = 0;
    }
    buffer_.append(input);
}

std::optional<reply> reply_reader::next() {
    while (true) {
        const auto end = buffer_.find('\n', consumed_);
        if (end == std::string::npos) return std::nullopt;
        std::string_view line(buffer_.data() + consumed_, end - consumed_);
        consumed_ = end + 1;
        if (line.ends_with('\r')) line.remove_suffix(1);
        const int code = code_of(line);
        const char separator = line.size() > 3 ? line[3] : ' ';
        if (multi_line_ == 0 && separator == '-' && code != 0) {
            multi_line_ = code;
        } else if (multi_line_ == 0 || (code == multi_line_ && separator == ' ')) {
            multi_line_ = 0;
            return reply{code, line};
        }
    }
}

std::optional<passive_target> parse_passive(std::string_view line) {
    const auto comma = line.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    auto at = comma;
    while (at > 0 && is_digit(line[at - 1])) --at;
    std::array<unsigned, 6> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto* const first = line.data() + at;
        const auto [after, problem] = std::from_chars(first, line.data() + line.size(), numbers[i]);
        if (problem != std::errc{} || numbers[i] > 255) return std::nullopt;
        at += static_cast<std::size_t>(after - first);
        if (i + 1 < numbers.size() && (at >= line.size() || line[at++] != ',')) return std::nullopt;
    }
    passive_target target;
    for (std::size_t i = 0; i < 4; ++i) target.address = target.address << 8U | numbers[i];
    target.port = static_cast<std::uint16_t>(numbers[4] * 256 + numbers[5]);
    return target;
}

}  // namespace sallyport::load
