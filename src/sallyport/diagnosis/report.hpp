#pragma once
// The report of a diagnosis: a text of one screen, and JSON of schema 1. Texts of peers are escaped. Pure functions on
// values; any thread.

#include <string>
#include <string_view>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

/// What works, what does not, the path with the break marked, the causes with their evidence, and what to do. Without
/// `complete`, the further causes are one line each.
[[nodiscard]] std::string report_text(const facts& known, const std::vector<verdict>& found, bool complete = false);

/// Cause, evidence and remedy of one verdict.
[[nodiscard]] std::string verdict_text(const verdict& v);

/// {"schema":1,"result":...,"phases":[],"methods":[],"path":[],"verdict":[]}
[[nodiscard]] std::string report_json(const facts& known, const std::vector<verdict>& found);

}  // namespace sallyport::diagnosis
