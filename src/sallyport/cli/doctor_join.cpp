#include <sallyport/base/wall_clock.hpp>
#include <sallyport/cli/doctor_join.hpp>

#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/doctor_files.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/doctor/watch.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::cli {
namespace {

// A connection whose answer is lost stays half open for more than a second, but a session that works may take 30 ms.
constexpr auto watch_interval = std::chrono::milliseconds(10);

struct watching {
    net::loop& loop;
    diagnosis::server_watch& seen;
    bool stopping = false;
    result<void> outcome{};
};

net::task<> follow(watching* all) {
    const auto started_at = net::clock::now();
    while (!all->stopping && all->outcome) {
        const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at);
        all->outcome = doctor::add_connections(all->seen, at);
        all->seen.ms = at.count();
        co_await all->loop.sleep_for(watch_interval);
    }
}

result<diagnosis::server_watch> read_watch(const std::string& file) {
    const auto text = content_of_file(file);
    if (!text) return std::unexpected(text.error());
    auto read = diagnosis::server_watch_from_json(*text);
    if (!read) return std::unexpected(error{errc::usage, 0, file + ": " + read.error().what});
    return read;
}

struct join_job {
    std::string client;
    std::string server;
    bool as_json = false;
};

int join_files(const join_job& job) {
    auto client = read_saved_run(job.client);
    if (!client) return report_error("doctor join", client.error(), exit_status::usage);
    const auto server = read_watch(job.server);
    if (!server) return report_error("doctor join", server.error(), exit_status::usage);
    const auto found = diagnosis::join(*client, *server);
    if (!found) return report_error("doctor join", found.error(), exit_status::usage);
    if (!client->times.are_known())
        client->not_measured.emplace_back(
            "whether both files are of the same time: times unknown, because an older version of Sallyport saved the "
            "client's file");
    fmt::print("{}", job.as_json ? diagnosis::report_json(*client, *found) : diagnosis::report_text(*client, *found, true));
    return diagnosis::has_problem(*found) ? something_found : 0;
}

}  // namespace

int watch_connections(const std::string& save_to) {
    if (save_to.empty())
        return report_error("doctor", error{errc::usage, 0, "--watch: name a file for the result with --save FILE"},
                            exit_status::usage);
    if (const auto can_save = check_savable(save_to); !can_save)
        return report_error("doctor", can_save.error(), exit_status::usage);
    diagnosis::server_watch seen{.started = seconds_now()};
    net::loop_group loops(1);
    watching all{loops.at(0), seen};
    const net::signal_watch interrupts(loops.at(0), {.stop = [&all](int) { all.stopping = true; }});
    fmt::print(stderr,
               "Watching the connections of this host; run 'sallyport doctor URL --save client.json' at the client "
               "now, and then end this with Ctrl-C\n");
    loops.run_until_done(follow(&all));
    if (!all.outcome) return report_error("doctor", all.outcome.error(), exit_status::local_file);
    if (const auto saved = save_privately(save_to, diagnosis::to_json(seen)); !saved)
        return report_error("doctor", saved.error(), exit_status::local_file);
    fmt::print("{} connections seen; next: sallyport doctor join client.json {}\n", seen.connections.size(), save_to);
    return 0;
}

void add_doctor_join(CLI::App& doctor, int& exit_code) {
    auto job = std::make_shared<join_job>();
    auto* const command = doctor.add_subcommand("join", "Join what client and server have seen of the same session");
    command_table table;
    table.add("Arguments",
              {{"CLIENT", "", required(text(job->client)), "What 'doctor URL --save' has written at the client"},
               {"SERVER", "", required(text(job->server)),
                "What 'doctor --watch --save' has written on the server's host meanwhile"}});
    table.add("Output", {{"--json", "", flag(job->as_json), "Print JSON"}});
    table.notes =
        "Exit codes: 0 nothing found, 20 something found, 2 a file cannot be read, or the files do not belong together.";
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = join_files(*job); });
}

}  // namespace sallyport::cli
