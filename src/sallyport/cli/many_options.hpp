#pragma once
// Options that get and put share for many files. A value that its command owns; the main thread.

#include <cstddef>
#include <optional>

#include <sallyport/cli/option_table.hpp>

namespace sallyport::cli {

struct many_options {
    std::optional<std::size_t> parallel;
    bool recursive = false;
    bool keep_times = false;

    /// `directories`: the help of --recursive.
    void add_to(command_table& table, const std::string& directories);
    [[nodiscard]] std::size_t connections() const { return parallel.value_or(default_connections); }

    static constexpr std::size_t default_connections = 3;
    /// Each has a thread, and few servers allow more for one user.
    static constexpr std::size_t max_connections = 32;
};

}  // namespace sallyport::cli
