#include <sallyport/cli/logging_and_control_options.hpp>

#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/socket_values.hpp>
#include <sallyport/server/secret.hpp>

namespace sallyport::cli {
namespace {

constexpr std::string_view no_password = "no-password";

}  // namespace

void logging_and_control_options::add_to(command_table& table) {
    table.add("Logging and operation",
              {{"--transfer-log", "FILE", text(transfer_log), "Append one line per finished transfer to FILE"},
               {"--transfer-log-format", "FORMAT",
                choice(transfer_log_format, "format",
                       choices<status::record_format>{{"text", status::record_format::text},
                                                      {"json", status::record_format::json},
                                                      {"xferlog", status::record_format::xferlog},
                                                      {"common", status::record_format::common}}),
                "Format of the transfer log: text (key=value), json, xferlog or common"}});
}

void logging_and_control_options::add_control_to(command_table& table) {
    table.add("Logging and operation",
              {{"--control-socket", "PATH", socket_path(control_socket),
                "Unix socket for status, reload and restart; 'none' disables it",
                "/run/sallyport/NAME.sock for root, else $XDG_RUNTIME_DIR/sallyport/NAME.sock", socket_parameters()},
               {"--status-socket", "PATH", socket_path(status_socket), "Read-only Unix socket for status, openings and top",
                "none", socket_parameters()},
               {"--metrics", "ADDRESS:PORT|PATH", address_or_socket(metrics),
                "Serve metrics for Prometheus and health checks over HTTP", "none", socket_parameters()},
               {"--page", "FILE|no-password", text(page),
                "Web page at --metrics, else 127.0.0.1:9121; FILE has its password's hash", "none"}});
}

void logging_and_control_options::add_restart_to(command_table& table) {
    table.add("Logging and operation", {{"--drain-timeout", "SECONDS", time(drain_timeout, {.zero = true}),
                                         "After a restart, time the old process waits for its sessions"}});
}

void logging_and_control_options::add_watchdog_to(command_table& table) {
    table.add("Logging and operation", {{"--watchdog", "MODE",
                                         choice(watchdog, "mode",
                                                choices<ops::watchdog_mode>{{"log", ops::watchdog_mode::log},
                                                                            {"abort", ops::watchdog_mode::abort},
                                                                            {"off", ops::watchdog_mode::off}}),
                                         "If an event loop does not run for 5 s: log, abort (core file, exit) or off"}});
}

ops::socket_place logging_and_control_options::control_place(std::string_view kind) const {
    if (control_socket.path == "none") return {};
    if (!control_socket.path.empty()) return control_socket;
    const char* const runtime_directory = std::getenv("XDG_RUNTIME_DIR");
    const bool root = ::geteuid() == 0;
    if (!root && (runtime_directory == nullptr || *runtime_directory == '\0')) return {};
    const std::string directory = std::string(root ? "/run" : runtime_directory) + "/sallyport";
    // If this fails, opening the socket fails too and reports it.
    ::mkdir(directory.c_str(), 0700);
    return {.path = fmt::format("{}/{}.sock", directory, kind)};
}

ops::socket_place logging_and_control_options::status_place() const {
    return status_socket.path == "none" ? ops::socket_place() : status_socket;
}

std::uint16_t logging_and_control_options::metrics_port() const {
    const auto place = metrics_place();
    const auto* const at = place ? std::get_if<endpoint>(&*place) : nullptr;
    return at == nullptr ? std::uint16_t{0} : at->port;
}

std::optional<ops::metrics_place> logging_and_control_options::metrics_place() const {
    if (metrics || page.empty()) return metrics;
    return *endpoint::parse("127.0.0.1:9121");
}

std::string logging_and_control_options::page_file() const { return page == no_password ? std::string() : page; }

result<std::optional<ops::password_check>> logging_and_control_options::page_password() const {
    if (page.empty()) return std::nullopt;
    if (page == no_password) {
        if (metrics && std::holds_alternative<ops::socket_place>(*metrics)) return ops::password_check();
        return fail(errc::usage,
                    "--page no-password is for a Unix socket, whose file says who may connect: add --metrics PATH; at an "
                    "address the page needs --page FILE with the hash of a password");
    }
    auto content = read_small_file(page);
    if (!content) return std::unexpected(with_option("--page", content.error()));
    auto hash = content->substr(0, content->find_first_of("\r\n"));
    const auto secret = server::parse_secret(hash);
    if (!secret || secret->kind != server::secret_kind::argon2id)
        return fail(errc::usage, fmt::format("--page {}: the first line is not an argon2id hash; make it with 'sallyport "
                                             "user hash > {}'",
                                             escape(page, 300), escape(shell_word(page), 300)));
    return [hash](std::string_view password) { return server::matches_hash(hash, password); };
}

std::vector<std::string> logging_and_control_options::other_sockets() const {
    std::vector<std::string> out;
    if (const auto place = status_place(); !place.path.empty()) out.push_back(place.path);
    if (metrics)
        if (const auto* const place = std::get_if<ops::socket_place>(&*metrics)) out.push_back(place->path);
    return out;
}

result<std::shared_ptr<status::transfer_log>> logging_and_control_options::open_transfer_log() const {
    if (transfer_log.empty()) return nullptr;
    return status::transfer_log::open(transfer_log, transfer_log_format);
}

}  // namespace sallyport::cli
