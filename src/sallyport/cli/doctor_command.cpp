// sallyport doctor: finds out which data connections work, and what stops the others.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/doctor_files.hpp>
#include <sallyport/cli/doctor_join.hpp>
#include <sallyport/cli/doctor_listen.hpp>
#include <sallyport/cli/doctor_text.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/diagnosis/anonymize.hpp>
#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/interruption.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/diagnosis/server_rules.hpp>
#include <sallyport/doctor/remedy_rules.hpp>
#include <sallyport/doctor/run.hpp>

namespace sallyport::cli {
namespace {

struct doctor_job {
    client_options options;
    std::string target;
    std::string save;
    bool anonymize = false;
    bool explain = false;
    bool server = false;
    bool watch = false;
    std::vector<std::string> listen{};
    std::optional<port_range> ports{};
    bool trace = false;
    bool also_plain = false;
    bool upload = false;
    std::size_t rounds = 0;
    std::chrono::seconds idle{0};
};

int explain(const std::string& id) {
    if (id.empty()) {
        for (const auto& each : diagnosis::rules()) fmt::print("{:<26} {}\n", each.about.id, each.about.cause);
        for (const auto& each : diagnosis::server_explanations()) fmt::print("{:<26} {}\n", each.id, each.cause);
        return 0;
    }
    const auto* const found = diagnosis::explain(id);
    if (found == nullptr)
        return report_error(
            "doctor",
            error{errc::usage, 0, "--explain: there is no cause " + id + "; 'sallyport doctor --explain' lists them"},
            exit_status::usage);
    fmt::print("{}", explanation_text(*found));
    return 0;
}

int report(const doctor_job& job, diagnosis::facts& known, std::string_view user) {
    known.times.ended = std::max(known.times.started, seconds_now());
    const auto found = doctor::diagnose(known);
    fmt::print("{}", job.options.json ? diagnosis::report_json(known, found)
                                      : diagnosis::report_text(known, found, job.options.verbose));
    std::fflush(stdout);
    if (!job.save.empty())
        if (const auto saved =
                save_privately(job.save, diagnosis::to_json(job.anonymize ? diagnosis::anonymized(known, user) : known));
            !saved)
            return report_error("doctor", saved.error(), exit_status::local_file);
    return static_cast<int>(status_of(known, diagnosis::overall_of(known, found)));
}

int run(const doctor_job& job) {
    if (job.explain) return explain(job.target);
    if (job.watch && job.anonymize)
        return report_error("doctor", error{errc::usage, 0, "--watch: --anonymize is for the run of a client"},
                            exit_status::usage);
    if (job.watch) return watch_connections(job.save);
    if (!job.listen.empty()) return listen_for_doctor(job.listen, job.ports);
    if (job.server) return diagnose_server(job.target, job.ports, job.options.json);
    if (job.target.empty())
        return report_error("doctor", error{errc::usage, 0, "no URL given; use one such as ftp://HOST/"},
                            exit_status::usage);
    const auto location = parse_location(job.target);
    if (!location) return report_error("doctor", location.error(), exit_status::usage);
    const auto options = job.options.for_site(*location);
    if (!options) return report_error("doctor", options.error(), exit_status::usage);
    auto how = options->session(*location);
    if (!how) return report_error("doctor", how.error(), exit_status::usage);
    // It examines the path from this computer.
    how->proxy.reset();
    doctor::run_settings settings{.location = *location,
                                  .how = std::move(*how),
                                  .trace = job.trace,
                                  .also_plain = job.also_plain,
                                  .upload = job.upload,
                                  .tls12 = {},
                                  .rounds = static_cast<unsigned>(job.rounds),
                                  .idle = job.idle,
                                  .on_step = {}};
    if (settings.how.tls) {
        auto older_settings = options->security.tls();
        older_settings.tls12_only = !older_settings.tls13_only;
        auto older = net::tls_client_context::make(older_settings);
        if (!older) return report_error("doctor", older.error(), exit_status::usage);
        settings.tls12 = std::move(*older);
    }
    // Last, as it makes the file: wrong usage leaves none behind.
    if (const auto can_save = job.save.empty() ? result<void>() : check_savable(job.save); !can_save)
        return report_error("doctor", can_save.error(), exit_status::usage);
    const auto user = settings.how.login.value_or(client::login_of(*location)).user;
    const bool shows_steps = !job.options.quiet && !job.options.verbose && ::isatty(STDERR_FILENO) == 1;
    if (shows_steps) settings.on_step = [](std::string_view text) { fmt::print(stderr, "\r\x1b[K{} ...", escape(text)); };

    diagnosis::facts known;
    known.times.started = seconds_now();
    net::loop_group loops(1);
    const net::signal_watch interrupts(loops.at(0), {.stop = [&](int signal) {
                                           // The probes of other threads may take another second, and their results would be
                                           // lost: the system closes their sockets.
                                           if (shows_steps) fmt::print(stderr, "\r\x1b[K");
                                           known.not_measured.emplace_back(diagnosis::rest_of_interrupted_run);
                                           (void)report(job, known, user);
                                           // As a shell reports a program that the signal has ended.
                                           std::_Exit(128 + signal);
                                       }});
    loops.run_until_done(doctor::run(loops.at(0), settings, known));
    if (shows_steps) fmt::print(stderr, "\r\x1b[K");
    return report(job, known, user);
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<doctor_job>();
    CLI::App* command = app.add_subcommand("doctor", "Find out which data connections work, and what stops the others");
    command_table table;
    table.add("Arguments", {{"URL", "", text(job->target),
                             fmt::format("{}; with --explain a cause, with --server a configuration", location_forms)}});
    table.add(
        "Diagnosis",
        {{"--trace", "", flag(job->trace),
          "Even if everything works: measure the path, and compare sequences of data methods and versions of TLS"},
         {"--also-plain", "", flag(job->also_plain),
          "With TLS: also try passive mode without TLS, with the same login, to find helpers that TLS makes blind"},
         {"--upload", "", flag(job->upload), "Send a small file to the URL's directory, receive it again, and delete it"},
         {"--rounds", "N", count(job->rounds, {.min = 0, .max = 1000}), "Try N further passive ports and compare them"},
         {"--idle", "TIME", time(job->idle, {.max = std::chrono::hours(4), .off = true}),
          "Hold at most six sessions open in silence, for up to this time, and measure which ones survive"},
         {"--save", "FILE", text(job->save), "Save what was measured, for the administrator of the other side"},
         {"--anonymize", "", flag(job->anonymize), "Replace addresses, names and paths in the saved file"},
         {"--server", "", flag(job->server),
          "Look at a server on this host instead: URL is sallyport:FILE, vsftpd:FILE, proftpd:FILE, "
          "pure-ftpd:OPTIONS, compose:FILE or kubernetes:FILE"},
         {"--listen", "ADDR:PORT", texts(job->listen), "Run an empty FTP server, to test the path from another machine"},
         {"--ports", "A-B", ports(job->ports), "With --server or --listen: the passive ports", "as configured"},
         {"--watch", "", flag(job->watch),
          "On a server's host: save with --save which connections arrive, for 'doctor join'"},
         {"--explain", "", flag(job->explain), "Explain a cause, or list all of them, and do nothing else"}});
    job->options.add_to(table);
    table.notes = option_types_help() + "\n\n" + doctor_exit_code_help();
    set_table(*command, std::move(table));
    add_doctor_read(*command, exit_code);
    add_doctor_join(*command, exit_code);
    command->callback([job, command, &exit_code] {
        if (command->get_subcommands().empty()) exit_code = run_client(*command, job->options, [&job] { return run(*job); });
    });
}

}  // namespace sallyport::cli
