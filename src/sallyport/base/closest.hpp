#pragma once
// Suggestions for mistyped words ("did you mean ...?"). Pure functions; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

/// The candidate that differs from `word` by the fewest typing errors: an extra, missing or wrong letter, or two swapped
/// ones; case is ignored. At most one error per three letters and three in all are accepted; otherwise the result is empty.
/// A candidate that starts with `word` counts as one error.
[[nodiscard]] std::string closest(std::string_view word, const std::vector<std::string>& candidates);

/// The end of an error text about an unknown word: "; did you mean CLOSEST? See ...", or "; see ..." if no candidate is
/// close. `see` starts with a lower-case letter.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates,
                                       std::string_view see);

}  // namespace sallyport
