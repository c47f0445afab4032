#pragma once
// Lines and words of what nft and iptables-save print. Pure functions; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::firewall {

/// Without blanks at both ends.
[[nodiscard]] std::string_view without_blanks(std::string_view line);

/// Calls the function with each line, without blanks at both ends.
template <class Function>
void for_each_line(std::string_view text, Function on_line) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        on_line(without_blanks(text.substr(0, end)));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

/// The words of a line; a part in double quotes is one word, in which a backslash precedes a quote or a backslash.
[[nodiscard]] std::vector<std::string> words_of(std::string_view line);

}  // namespace sallyport::firewall
