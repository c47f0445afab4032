#include <sallyport/base/closest.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

#include <sallyport/base/ascii.hpp>

namespace sallyport {
namespace {

constexpr std::size_t max_errors = 3;
// Longer words are not compared, as the time is quadratic.
constexpr std::size_t max_word_size = 64;

/// The optimal string alignment distance.
std::size_t errors_between(std::string_view a, std::string_view b) {
    std::array<std::array<std::size_t, max_word_size + 1>, max_word_size + 1> d{};
    for (std::size_t i = 0; i <= a.size(); ++i) d.at(i)[0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0].at(j) = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
            auto& distance = d.at(i).at(j);
            distance = std::min({d.at(i - 1).at(j) + 1, d.at(i).at(j - 1) + 1, d.at(i - 1).at(j - 1) + wrong});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                distance = std::min(distance, d.at(i - 2).at(j - 2) + 1);
        }
    }
    return d.at(a.size()).at(b.size());
}

}  // namespace

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t letters_for_an_error = 3;
    if (word.size() > max_word_size) return {};
    const auto typed = to_lower(word);
    std::size_t fewest = std::min(max_errors, (word.size() + letters_for_an_error - 1) / letters_for_an_error) + 1;
    std::string out;
    for (const auto& candidate : candidates) {
        if (candidate.size() > max_word_size) continue;
        const auto known = to_lower(candidate);
        auto errors = errors_between(typed, known);
        if (typed.size() >= letters_for_an_error && known.starts_with(typed)) errors = std::min(errors, std::size_t{1});
        if (errors >= fewest) continue;
        fewest = errors;
        out = candidate;
    }
    return out;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates, std::string_view see) {
    std::string out = "; ";
    std::string hint(see);
    if (const auto found = closest(word, candidates); !found.empty()) {
        out += "did you mean " + found + "? ";
        if (!hint.empty()) hint.front() = to_upper(hint.front());
    }
    return out + hint;
}

}  // namespace sallyport
