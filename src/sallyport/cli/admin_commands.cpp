#include <sallyport/cli/admin_commands.hpp>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_types.hpp>
#include <sallyport/cli/status_text.hpp>
#include <sallyport/ops/control_client.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

constexpr auto exit_codes =
    "Exit codes: 0 done; 1 refused by the daemon, which goes on as before; 2 wrong options or "
    "configuration; 3 no such daemon; 10 it did not answer in time.";
constexpr auto patience = std::chrono::seconds(10);
constexpr auto long_patience = std::chrono::seconds(60);  // it reads certificates, or starts a program

int report(const error& why) {
    fmt::print(stderr, "{}\n", line_of(why));
    switch (why.code) {
        case errc::rejected: return 1;
        case errc::syntax:
        case errc::usage: return 2;
        case errc::timeout: return 10;
        default: return 3;
    }
}

/// The configuration may name the socket.
result<json::object> ask(CLI::App& daemon, const front_options& options, const json::object& request,
                         std::chrono::seconds wait) {
    if (!options.config.empty()) {
        const auto applied = apply_config_file(daemon, options.config);
        if (!applied) return std::unexpected(applied.error());
    }
    const auto path = options.operation.control_path(daemon.get_name());
    if (path.empty())
        return fail(errc::usage,
                    "--status-socket: where is the daemon's control socket? name it (XDG_RUNTIME_DIR is not set)");
    auto answer = ops::ask_daemon(path, request, wait);
    if (!answer && answer.error().os == ENOENT) answer.error().what += " with --status-socket";
    return answer;
}

struct status_options {
    status_choice show;
    bool as_json = false;
};

void add_status(const administered& daemon, int& exit_code) {
    auto* const command = daemon.command.add_subcommand("status", "Show what a running daemon does");
    auto wanted = std::make_shared<status_options>();
    command->fallthrough();
    command->add_flag("--json", wanted->as_json, "All of it as one JSON object");
    command->add_flag("--sessions", wanted->show.sessions, "List the sessions too");
    command->add_flag("--penalized", wanted->show.penalties,
                      "Also list the addresses that are refused because of failed logins, and for how long");
    add_count(*command, "--limit", wanted->show.limit, "Rows of each list; 0: all", {.zero = true});
    command->footer(exit_codes);
    command->callback([&owner = daemon.command, &options = daemon.options, wanted, &exit_code] {
        const auto told = ask(owner, options, {{"command", "status"}}, patience);
        if (!told)
            exit_code = report(told.error());
        else if (wanted->as_json)
            fmt::print("{}\n", json::serialize(*told));
        else
            fmt::print("{}", status_text(*told, wanted->show));
    });
}

void print_lines(const json::object& answer) {
    for (const auto& line : answer.at("lines").get_array()) fmt::print("{}\n", std::string_view(line.get_string()));
}

/// What an order is about: an address, a session.
struct order_subject {
    std::string key;          // in the request
    std::string placeholder;  // on the command line
    std::string about;
};

void add_order(const administered& daemon, const std::string& what, const std::string& about, int& exit_code,
               const std::optional<order_subject>& subject = {}) {
    auto* const command = daemon.command.add_subcommand(what, about);
    command->fallthrough();
    command->footer(exit_codes);
    auto request = std::make_shared<std::pair<std::string, std::string>>();
    if (subject) {
        request->first = subject->key;
        command->add_option(subject->placeholder, request->second, subject->about)->required();
    }
    command->callback([&owner = daemon.command, &options = daemon.options, what, request, &exit_code] {
        json::object words{{"command", what}};
        if (!request->first.empty()) words[request->first] = request->second;
        const auto told = ask(owner, options, words, long_patience);
        if (told)
            print_lines(*told);
        else
            exit_code = report(told.error());
    });
}

void add_check(const administered& daemon, int& exit_code) {
    auto* const command =
        daemon.command.add_subcommand("check", "Check options and configuration, without starting or changing anything");
    command->fallthrough();
    command->footer("Exit codes: 0 good; 2 not: the line says which file and line, what and why.");
    command->callback([settings = daemon.settings, &exit_code] {
        const auto good = settings();
        if (good) {
            fmt::print("{}", *good);
        } else {
            fmt::print(stderr, "{}\n", line_of(good.error()));
            exit_code = 2;
        }
    });
}

}  // namespace

void add_admin_commands(const administered& daemon, int& exit_code) {
    add_status(daemon, exit_code);
    add_check(daemon, exit_code);
    add_order(daemon, "restart",
              "Start the program that is installed now as a new process: it takes over the listening sockets, and the old "
              "process exits when its sessions have ended. As SIGUSR2",
              exit_code);
    add_order(daemon, "forgive", "Let an address log in again that is refused because of failed logins", exit_code,
              order_subject{"address", "ADDRESS", "The address, or any of its IPv6 /64"});
    add_order(daemon, "kick", "End one session: its client gets 421, whatever it does", exit_code,
              order_subject{"session", "ID", "The session, as status --sessions and the log name it"});
    add_order(daemon, "reload",
              "Read the configuration anew: checked first, changed at once, no session or transfer is lost. As SIGHUP",
              exit_code);
}

}  // namespace sallyport::cli
