#pragma once
// What `sallyport reach` prints, as text and as JSON, and its exit codes. Pure functions on values; any thread.

#include <string>

#include <sallyport/reach/reachability.hpp>

namespace sallyport::cli {

/// The answers, one per line, then the conclusion and what to do. Text of other hosts is escaped.
[[nodiscard]] std::string reach_text(const reach::reachability_facts& facts, const reach::reachability_report& report);

/// One object on one line.
[[nodiscard]] std::string reach_json(const reach::reachability_facts& facts, const reach::reachability_report& report);

[[nodiscard]] int reach_exit_code(reach::reachability kind) noexcept;
/// The table of exit codes for --help.
[[nodiscard]] std::string reach_exit_code_help();

}  // namespace sallyport::cli
