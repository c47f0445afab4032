#pragma once
// `top` of a running daemon: its sessions on the whole terminal, again and again. Called on the main thread; owns what it
// uses until it returns.

#include <chrono>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/top_view.hpp>

namespace sallyport::cli {

struct top_options {
    top_order order = top_order::rate;
    std::string filter{};
    std::chrono::milliseconds interval = std::chrono::seconds(2);

    void add_to(command_table& table);
};

/// Until the user quits, the daemon ends, or a signal ends this process. The daemon is asked at `socket`. `command`: for
/// messages, "sallyport gate".
[[nodiscard]] result<void> run_top(const std::string& command, const std::string& socket, const top_options& options);

}  // namespace sallyport::cli
