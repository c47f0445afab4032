#include <sallyport/cli/operation_options.hpp>

#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/option_types.hpp>

namespace sallyport::cli {

void operation_options::add_to(CLI::App& command) {
    command
        .add_option("--transfer-log", transfer_log,
                    "One line for each transfer: who, what, how much, by which way, how it ended. It and --log are opened "
                    "anew at SIGHUP and SIGUSR1, for rotation")
        ->type_name("FILE");
    command.add_option("--transfer-log-format", transfer_log_format, "words: key=value; json: an object a line")
        ->type_name("words|json")
        ->capture_default_str();
}

void operation_options::add_control_to(CLI::App& command) {
    command
        .add_option("--status-socket", status_socket,
                    "Where status and the other commands find the running daemon; none: nowhere (default: "
                    "/run/sallyport/NAME.sock for root, else $XDG_RUNTIME_DIR/sallyport/NAME.sock)")
        ->type_name("PATH");
}

void operation_options::add_replacement_to(CLI::App& command) {
    add_time(command, "--drain", drain,
             "After 'restart' or SIGUSR2: how long the old process waits for its sessions to end; 0: for ever",
             {.zero = true});
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
    if (transfer_log_format != "words" && transfer_log_format != "json")
        return fail(errc::usage, fmt::format("--transfer-log-format {}: give words or json", transfer_log_format));
    if (transfer_log.empty()) return nullptr;
    return status::transfer_log::open(
        transfer_log, transfer_log_format == "json" ? status::record_style::json : status::record_style::words);
}

}  // namespace sallyport::cli
