#pragma once
// The parameters of a backend URL, such as "?weight=3&state=drain": one table, used for parsing, help, documentation and
// errors.
//
// Constants and pure functions; any thread.

#include <span>
#include <string>
#include <string_view>

#include <sallyport/gate/gate.hpp>

namespace sallyport::gate {

/// One row of the table.
struct backend_parameter {
    // For example "weight=N"; the name is the part before "=".
    std::string_view form;
    std::string_view default_text;
    std::string_view help;
    /// Parses the value into the backend. False if it is not valid.
    bool (*read)(std::string_view value, backend& into);

    [[nodiscard]] std::string_view name() const noexcept { return form.substr(0, form.find('=')); }
};

[[nodiscard]] std::span<const backend_parameter> backend_parameter_table() noexcept;

/// Parses one "name=value" into the backend. Returns an empty string, or what is wrong and what to do.
[[nodiscard]] std::string read_backend_parameter(std::string_view text, backend& into);

}  // namespace sallyport::gate
