#include <sallyport/proto/secret_text.hpp>

#include <sallyport/base/ascii.hpp>

namespace sallyport::proto {

std::string without_secret(std::string text, std::string_view secret) {
    constexpr std::string_view instead = "***";
    constexpr std::size_t min_part_of_word = 4;
    if (secret.empty()) return text;
    const auto is_inside_word = [&text, secret](std::size_t at) {
        const auto is_part = [](char c) { return is_alpha(c) || is_digit(c); };
        const auto end = at + secret.size();
        return (at > 0 && is_part(text[at - 1]) && is_part(secret.front())) ||
               (end < text.size() && is_part(text[end]) && is_part(secret.back()));
    };
    for (auto at = text.find(secret); at != text.npos; at = text.find(secret, at)) {
        if (secret.size() < min_part_of_word && is_inside_word(at)) {
            ++at;
            continue;
        }
        text.replace(at, secret.size(), instead);
        at += instead.size();
    }
    return text;
}

}  // namespace sallyport::proto
