#pragma once
// "Did you mean ...?": which of some known words a mistyped word is meant to be. Pure values; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

/// The candidate that differs from `word` by the fewest typing errors (a letter too many, missing, wrong, or two swapped;
/// case does not count), if there are so few that it is likely to be meant: one in three letters, at most three. A candidate
/// that begins with all of `word` counts as one error. Empty if there is none.
[[nodiscard]] std::string closest(std::string_view word, const std::vector<std::string>& candidates);

/// The end of an error about an unknown word: "; did you mean CLOSEST? See ...", or "; see ..." where nothing is close.
/// `see` begins with a small letter.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                                       std::string_view see);

}  // namespace sallyport
