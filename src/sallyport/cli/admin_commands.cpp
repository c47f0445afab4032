#include <sallyport/cli/admin_commands.hpp>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/openings_text.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/status_text.hpp>
#include <sallyport/cli/terminal.hpp>
#include <sallyport/cli/top_command.hpp>
#include <sallyport/ops/control_client.hpp>
#include <sallyport/ops/daemon.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

constexpr auto exit_codes =
    "Exit codes: 0 success, 1 refused by the daemon and nothing changed, 2 invalid options or configuration, 3 no daemon is "
    "running, 10 no answer in time.";
constexpr auto short_timeout = std::chrono::seconds(10);
constexpr auto follow_interval = std::chrono::milliseconds(500);
// The daemon may read certificates or start a program.
constexpr auto long_timeout = std::chrono::seconds(60);

int report(std::string_view command, const error& why) {
    fmt::print(stderr, "sallyport {}: {}\n", command, line_of(why));
    switch (why.code) {
        case errc::rejected: return 1;
        case errc::syntax:
        case errc::usage: return 2;
        case errc::timeout: return 10;
        default: return 3;
    }
}

/// The control socket, whose path may be in the configuration file.
result<std::string> control_socket_of(CLI::App& daemon, const daemon_options& options) {
    if (!options.config.empty()) {
        const auto applied = apply_config_file(daemon, options.config);
        if (!applied) return std::unexpected(applied.error());
    }
    auto path = options.logging_and_control.control_place(daemon.get_name()).path;
    if (path.empty())
        return fail(errc::usage, "no control socket is known, as XDG_RUNTIME_DIR is not set; add --control-socket PATH");
    return path;
}

result<json::object> send(const std::string& path, const json::object& request, std::chrono::seconds wait) {
    auto answer = ops::send_control_request(path, request, wait);
    if (!answer && answer.error().os == ENOENT) answer.error().what += " with --control-socket";
    return answer;
}

result<json::object> query(CLI::App& daemon, const daemon_options& options, const json::object& request,
                           std::chrono::seconds wait) {
    const auto path = control_socket_of(daemon, options);
    if (!path) return std::unexpected(path.error());
    return send(*path, request, wait);
}

struct status_options {
    status_selection show;
    bool as_json = false;
    // Nothing: once.
    std::optional<std::chrono::milliseconds> watch;
};

/// Prints the status once, or again and again until the daemon ends or a signal arrives. On a terminal each time replaces
/// the one before.
int show_status(CLI::App& owner, const daemon_options& options, const status_options& wanted) {
    const auto command = owner.get_name() + " status";
    const auto path = control_socket_of(owner, options);
    if (!path) return report(command, path.error());
    const bool replaces = wanted.watch && !wanted.as_json && terminal_columns(STDOUT_FILENO);
    for (;;) {
        const auto status = send(*path, {{"command", "status"}}, short_timeout);
        if (!status) return report(command, status.error());
        const auto text = wanted.as_json ? json::serialize(*status) + '\n' : status_text(*status, wanted.show);
        if (replaces)
            fmt::print("\x1b[H\x1b[J{}",
                       cut_to(text, *terminal_columns(STDOUT_FILENO), terminal_rows(STDOUT_FILENO).value_or(24)));
        else
            fmt::print("{}", text);
        std::fflush(stdout);
        if (!wanted.watch) return 0;
        std::this_thread::sleep_for(*wanted.watch);
    }
}

/// The notes of a command that also takes the options of the daemon.
std::string notes_of(const administered_daemon& daemon, std::string_view exit_codes_of) {
    return fmt::format("It also takes the options of 'sallyport {}', such as --config and --control-socket.\n\n{}",
                       daemon.command.get_name(), exit_codes_of);
}

void add_status(const administered_daemon& daemon, int& exit_code) {
    auto* const command =
        daemon.command.add_subcommand("status", daemon.command.get_name() == "gate"
                                                    ? "Show sessions, transfers, openings and backends of a running gateway"
                                                    : "Show sessions and transfers of a running server");
    auto wanted = std::make_shared<status_options>();
    command->fallthrough();
    command_table table;
    table.add("Output", {{"--json", "", flag(wanted->as_json), "Print everything as one JSON object"},
                         {"--sessions", "", flag(wanted->show.sessions), "Include the list of sessions"},
                         {"--penalized", "", flag(wanted->show.penalties),
                          "Include the addresses that are blocked after failed logins"},
                         {"--limit", "N", count(wanted->show.limit, {.zero = true}), "Maximum rows per list", {}},
                         {"--watch", "SECONDS", time(wanted->watch, {.min = std::chrono::milliseconds(100)}),
                          "Show the status again every SECONDS until Ctrl-C", "once"}});
    table.notes = notes_of(daemon, exit_codes);
    set_table(*command, std::move(table));
    command->callback([&owner = daemon.command, &options = daemon.options, wanted, &exit_code] {
        exit_code = show_status(owner, options, *wanted);
    });
}

void add_top(const administered_daemon& daemon, int& exit_code) {
    const auto& owner_name = daemon.command.get_name();
    auto* const command = daemon.command.add_subcommand(
        "top", fmt::format("Show the sessions of a running {} on the whole terminal, again and again",
                           owner_name == "gate" ? "gateway" : "server"));
    command->fallthrough();
    auto wanted = std::make_shared<top_options>();
    command_table table;
    wanted->add_to(table);
    table.notes = notes_of(daemon,
                           "Keys: q quits; r, t, a, i, u, c and b sort by rate, bytes, age, idle time, user, client and "
                           "backend; v reverses the order; / changes the filter; arrows and page keys scroll.\n\n" +
                               std::string(exit_codes));
    set_table(*command, std::move(table));
    command->callback([&owner = daemon.command, &options = daemon.options, wanted, &exit_code] {
        const auto path = control_socket_of(owner, options);
        const auto done = path ? run_top("sallyport " + owner.get_name(), *path, *wanted) : std::unexpected(path.error());
        if (!done) exit_code = report(owner.get_name() + " top", done.error());
    });
}

struct openings_options {
    bool as_json = false;
    bool follow = false;
};

std::string opening_text(const json::object& opening, bool as_json) {
    return as_json ? json::serialize(opening) : line_of_opening(opening);
}

/// With --follow, a line for each new opening until the gateway ends or a signal arrives.
int show_openings(CLI::App& owner, const daemon_options& options, const openings_options& wanted) {
    const auto command = owner.get_name() + " openings";
    const auto path = control_socket_of(owner, options);
    if (!path) return report(command, path.error());
    std::set<std::pair<std::string, std::uint64_t>> shown;
    for (;;) {
        const auto status = send(*path, {{"command", "status"}}, short_timeout);
        if (!status) return report(command, status.error());
        std::set<std::pair<std::string, std::uint64_t>> now;
        const auto openings = openings_of(*status);
        if (wanted.as_json && !wanted.follow) {
            fmt::print("{}\n", json::serialize(openings));
            return 0;
        }
        for (const auto& v : openings) {
            const auto& opening = v.get_object();
            const auto [key, is_new] =
                now.emplace(opening.at("session").get_string(), opening.at("port").to_number<std::uint64_t>());
            if (is_new && !shown.contains(*key)) fmt::print("{}\n", opening_text(opening, wanted.as_json));
        }
        if (!wanted.follow) return 0;
        std::fflush(stdout);
        shown = std::move(now);
        std::this_thread::sleep_for(follow_interval);
    }
}

void add_openings(const administered_daemon& daemon, int& exit_code) {
    auto* const command =
        daemon.command.add_subcommand("openings", "Show the data connections that a running gateway permits next");
    command->fallthrough();
    auto wanted = std::make_shared<openings_options>();
    command_table table;
    table.add("Output",
              {{"--json", "", flag(wanted->as_json), "Print JSON: one array, or with --follow one object per line"},
               {"--follow", "", flag(wanted->follow), "Go on, and print each new opening"}});
    table.notes = notes_of(daemon, exit_codes);
    set_table(*command, std::move(table));
    command->callback([&owner = daemon.command, &options = daemon.options, wanted, &exit_code] {
        exit_code = show_openings(owner, options, *wanted);
    });
}

void print_lines(const json::object& answer) {
    for (const auto& line : answer.at("lines").get_array()) fmt::print("{}\n", std::string_view(line.get_string()));
}

/// The argument of a request: an address or a session.
struct request_argument {
    // In the request.
    std::string key;
    // On the command line.
    std::string placeholder;
    std::string about;
};

void add_request(const administered_daemon& daemon, const std::string& what, const std::string& about, int& exit_code,
                 const std::optional<request_argument>& subject = {}) {
    auto* const command = daemon.command.add_subcommand(what, about);
    command->fallthrough();
    auto request = std::make_shared<std::pair<std::string, std::string>>();
    command_table table;
    if (subject) {
        request->first = subject->key;
        table.add("Arguments", {{subject->placeholder, "", required(text(request->second)), subject->about}});
    }
    table.notes = notes_of(daemon, exit_codes);
    set_table(*command, std::move(table));
    command->callback([&owner = daemon.command, &options = daemon.options, what, request, &exit_code] {
        json::object words{{"command", what}};
        if (!request->first.empty()) words[request->first] = request->second;
        const auto reply = query(owner, options, words, long_timeout);
        if (reply)
            print_lines(*reply);
        else
            exit_code = report(owner.get_name() + ' ' + what, reply.error());
    });
}

void add_check(const administered_daemon& daemon, int& exit_code) {
    auto* const command = daemon.command.add_subcommand("check", "Check options and configuration file, then exit");
    command->fallthrough();
    set_table(
        *command,
        {.notes = notes_of(
             daemon, "Exit codes: 0 valid, 1 a file that it names cannot be used, 2 invalid options or configuration.")});
    command->callback([&owner = daemon.command, settings = daemon.settings, &exit_code] {
        const auto good = settings();
        if (good)
            fmt::print("{}", *good);
        else
            exit_code = ops::report_start_failure(fmt::format("sallyport {} check", owner.get_name()), good.error());
    });
}

}  // namespace

void add_admin_commands(const administered_daemon& daemon, int& exit_code) {
    add_status(daemon, exit_code);
    add_top(daemon, exit_code);
    if (daemon.command.get_name() == "gate") add_openings(daemon, exit_code);
    add_check(daemon, exit_code);
    add_request(
        daemon, "restart",
        "Start the installed program again with these options; the running sessions finish in the old process (SIGUSR2)",
        exit_code);
    add_request(daemon, "forgive", "Let an address log in again that is blocked after failed logins", exit_code,
                request_argument{"address", "ADDRESS", "The address, or any of its IPv6 /64"});
    add_request(daemon, "kick", "Close a session; its client gets 421", exit_code,
                request_argument{"session", "ID", "The session's ID, as in status --sessions and in the log"});
    add_request(daemon, "drain", "Have load balancers send no new clients: /readyz is 503", exit_code);
    add_request(daemon, "ready", "End 'drain': /readyz is 200", exit_code);
    add_request(daemon, "reload", "Reload the configuration; existing sessions keep their settings (SIGHUP)", exit_code);
}

}  // namespace sallyport::cli
