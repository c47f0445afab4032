#pragma once
// Options of whoever runs a daemon: what is written down, and how one speaks with it while it runs.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/status/transfer_log.hpp>

namespace sallyport::cli {

struct logging_and_control_options {
    std::string transfer_log;
    status::record_format transfer_log_format = status::record_format::text;
    std::string control_socket;
    std::chrono::seconds drain_timeout = limits::drain_timeout;

    void add_to(command_table& table);
    /// For daemons that can be asked while they run.
    void add_control_to(command_table& table);
    /// For those whose program can be replaced while they work.
    void add_restart_to(command_table& table);

    /// Where the control socket of a daemon of this kind ("gate") is; empty where there is none.
    [[nodiscard]] std::string control_path(std::string_view kind) const;
    /// Nothing where no file was named.
    [[nodiscard]] result<std::shared_ptr<status::transfer_log>> open_transfer_log() const;
};

}  // namespace sallyport::cli
