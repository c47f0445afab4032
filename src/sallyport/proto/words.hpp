#pragma once
// The words of a line in a listing or a reply, between blanks and tabs.
//
// A value that refers to the text of its caller; one thread.

#include <algorithm>
#include <string_view>

namespace sallyport::proto {

/// Reads blank-separated words from the start of a line. Copies are cheap and save a position.
class words {
public:
    explicit words(std::string_view line) noexcept : rest_(line) {}

    [[nodiscard]] std::string_view next() noexcept {
        skip_blanks();
        const auto word = rest_.substr(0, std::min(rest_.find_first_of(" \t"), rest_.size()));
        rest_.remove_prefix(word.size());
        return word;
    }
    [[nodiscard]] std::string_view peek() const noexcept { return words(*this).next(); }
    void skip_blanks() noexcept { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
    /// The text after exactly one blank: a name, whose own leading blanks belong to it.
    [[nodiscard]] std::string_view after_blank() const noexcept {
        return rest_.starts_with(' ') ? rest_.substr(1) : std::string_view();
    }
    /// The text after all blanks, for systems whose names never start with a blank.
    [[nodiscard]] std::string_view after_blanks() noexcept {
        skip_blanks();
        return rest_;
    }

private:
    std::string_view rest_;
};

}  // namespace sallyport::proto
