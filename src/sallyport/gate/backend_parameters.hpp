#pragma once
// The parameters of a backend's URL, "?weight=3&state=drain": one table, from which they are read, and from which help,
// documentation and errors come. Values; any thread.

#include <span>
#include <string>
#include <string_view>

#include <sallyport/gate/gate.hpp>

namespace sallyport::gate {

struct backend_parameter {
    std::string_view form;  // "weight=N"; the name is what comes before "="
    std::string_view default_text;
    std::string_view help;
    /// False if the value is not valid.
    bool (*read)(std::string_view value, backend& into);

    [[nodiscard]] std::string_view name() const noexcept { return form.substr(0, form.find('=')); }
};

[[nodiscard]] std::span<const backend_parameter> backend_parameter_table() noexcept;

/// Reads one "name=value" into the backend. Empty if it is valid, otherwise what is wrong and what to do.
[[nodiscard]] std::string read_backend_parameter(std::string_view text, backend& into);

}  // namespace sallyport::gate
