#pragma once
// The mark of a run that was interrupted: an entry of what was not measured, so that a saved run has it too. Pure functions
// on values; any thread.

#include <algorithm>
#include <string_view>

#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::diagnosis {

constexpr std::string_view rest_of_interrupted_run = "the rest, because the run was interrupted";

/// What the facts have does not show that all works.
[[nodiscard]] inline bool was_interrupted(const facts& known) noexcept {
    return std::ranges::find(known.not_measured, rest_of_interrupted_run) != known.not_measured.end();
}

}  // namespace sallyport::diagnosis
