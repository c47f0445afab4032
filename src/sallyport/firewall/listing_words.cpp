#include <sallyport/firewall/listing_words.hpp>

#include <optional>
#include <utility>

namespace sallyport::firewall {

std::string_view without_blanks(std::string_view line) {
    const auto first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> out;
    std::optional<std::string> word;
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '"') {
            quoted = !quoted;
            if (!word) word.emplace();
        } else if (!quoted && (c == ' ' || c == '\t')) {
            if (word) out.push_back(*std::exchange(word, std::nullopt));
        } else {
            if (!word) word.emplace();
            *word += quoted && c == '\\' && i + 1 < line.size() ? line[++i] : c;
        }
    }
    if (word) out.push_back(std::move(*word));
    return out;
}

}  // namespace sallyport::firewall
