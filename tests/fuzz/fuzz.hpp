#pragma once
// Shared by all fuzz targets: the input as text, an invariant that ends the run if it is violated, and choices for the
// driver that come from the input. Inputs of machines begin with a line of choices, so that seeds are text. Values for one
// thread.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace sallyport::fuzz {

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline void check(bool holds, const char* invariant) {
    if (holds) return;
    std::fprintf(stderr, "broken: %s\n", invariant);
    std::abort();
}

/// Removes the first line from `text` and returns it without its LF.
[[nodiscard]] inline std::string_view next_line(std::string_view& text) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

/// A line of letters: the first selects settings, one per bit; the others select the outcomes of actions, cyclically.
class choices {
public:
    explicit choices(std::string_view line) : line_(line) {}
    [[nodiscard]] bool setting(unsigned bit) const {
        return !line_.empty() && (static_cast<unsigned char>(line_[0]) >> bit & 1U) != 0;
    }
    /// A number below `count`.
    [[nodiscard]] unsigned next(unsigned count) {
        if (line_.size() < 2) return 0;
        at_ = at_ % (line_.size() - 1) + 1;
        return static_cast<unsigned char>(line_[at_]) % count;
    }

private:
    std::string_view line_;
    std::size_t at_ = 0;
};

}  // namespace sallyport::fuzz
