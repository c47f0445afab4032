#include <sallyport/cli/operation_options.hpp>

#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sallyport::cli {

void operation_options::add_to(command_table& table) {
    table.add(
        "Logging and operation",
        {{"--transfer-log", "FILE", text(transfer_log), "Append one line per finished transfer to FILE"},
         {"--transfer-log-format", "FORMAT",
          word(transfer_log_style, "format",
               words<status::record_style>{{"text", status::record_style::words}, {"json", status::record_style::json}}),
          "Format of the transfer log: text (key=value) or json"}});
}

void operation_options::add_control_to(command_table& table) {
    table.add("Logging and operation", {{"--control-socket", "PATH", text(status_socket),
                                         "Unix socket for status, reload and restart; 'none' disables it",
                                         "/run/sallyport/NAME.sock for root, else $XDG_RUNTIME_DIR/sallyport/NAME.sock"}});
}

void operation_options::add_replacement_to(command_table& table) {
    table.add("Logging and operation", {{"--drain-timeout", "SECONDS", time(drain, {.zero = true}),
                                         "After a restart, time the old process waits for its sessions"}});
}

std::string operation_options::control_path(std::string_view kind) const {
    if (status_socket == "none") return {};
    if (!status_socket.empty()) return status_socket;
    const char* const own = std::getenv("XDG_RUNTIME_DIR");
    const bool root = ::geteuid() == 0;
    if (!root && (own == nullptr || *own == '\0')) return {};
    const std::string folder = std::string(root ? "/run" : own) + "/sallyport";
    ::mkdir(folder.c_str(), 0700);  // where that fails, so does the socket, and says why
    return fmt::format("{}/{}.sock", folder, kind);
}

result<std::shared_ptr<status::transfer_log>> operation_options::open_transfer_log() const {
    if (transfer_log.empty()) return nullptr;
    return status::transfer_log::open(transfer_log, transfer_log_style);
}

}  // namespace sallyport::cli
