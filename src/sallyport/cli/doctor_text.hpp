#pragma once
// Texts and the exit code of 'sallyport doctor'. Pure functions on values; any thread.

#include <string>

#include <sallyport/cli/exit_code.hpp>
#include <sallyport/diagnosis/rules.hpp>

namespace sallyport::cli {

/// One cause, as 'doctor --explain ID' prints it.
[[nodiscard]] std::string explanation_text(const diagnosis::explanation& about);

/// The client's exit code for a diagnosis.
[[nodiscard]] exit_status status_of(const diagnosis::facts& known, diagnosis::overall state) noexcept;

/// The exit codes of the command, for --help.
[[nodiscard]] std::string doctor_exit_code_help();

}  // namespace sallyport::cli
