// sallyport copy: copies a file from one server to another, through this machine but without a file here.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/run_session.hpp>
#include <sallyport/cli/site_memory.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::cli {
namespace {

using client::transfer_report;

struct copy_job {
    client_options options;
    std::string source;
    std::string target;
    bool temp_name = false;
};

/// What the two sessions share. Each runs on a thread of its own, since both block on the pipe.
struct copy_run {
    const copy_job& job;
    client::url source;
    client::url target;
    unique_fd from;
    unique_fd to;
    /// The source was received completely. Set before its end of the pipe is closed.
    std::atomic<bool> is_whole = false;
    session_result<transfer_report> received{};
    session_result<transfer_report> sent{};
};

/// The reason for the upload to fail if the download has failed: its own message is the one that matters.
constexpr errc source_failed = errc::cancelled;

net::task<client::outcome<transfer_report>> receive_source(client::session& session, copy_run& run, progress_bar& bar) {
    client::download_resume never;
    const auto show = [&bar](std::uint64_t done, std::optional<std::uint64_t> size) { bar.update(done, size); };
    auto got = co_await session.get(run.source.path, run.to.get(), std::move(never), show);
    run.is_whole = got.has_value();
    run.to.reset();
    co_return got;
}

client::failure incomplete_source() {
    return client::failure::of_local_file(error{source_failed, 0, "the source was not received completely"}, {});
}

/// Until there is something to send, the target is not touched: a source that is missing must not empty it.
bool has_begun(const copy_run& run) {
    pollfd waiting{run.from.get(), POLLIN, 0};
    while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
    }
    return (waiting.revents & POLLIN) != 0 || run.is_whole;
}

net::task<client::outcome<transfer_report>> send_target(client::session& session, copy_run& run) {
    if (!has_begun(run)) co_return std::unexpected(incomplete_source());
    const auto target = run.target.path + (run.job.temp_name ? ".part" : "");
    client::upload_source pipe{run.from.get()};
    pipe.check_end = [&run]() -> result<void> {
        if (run.is_whole) return {};
        return std::unexpected(incomplete_source().cause);
    };
    auto put = co_await session.put(std::move(pipe), target, client::upload_mode::replace, {});
    if (put && run.job.temp_name) {
        auto naming = client::renaming(target, run.target.path);
        const auto renamed = co_await session.apply(std::move(naming));
        if (!renamed) put = std::unexpected(renamed.error());
    }
    run.from.reset();
    co_return put;
}

/// A session that ends before its work must not leave the other one waiting at the pipe.
void run_source(copy_run& run, client::options how, const reach::mapping_settings& mapping, progress_bar& bar) {
    run.received = run_session<transfer_report>(run.source, std::move(how), mapping,
                                                [&run, &bar](client::session& s) { return receive_source(s, run, bar); });
    run.to.reset();
}

void run_target(copy_run& run, client::options how, const reach::mapping_settings& mapping) {
    run.sent = run_session<transfer_report>(run.target, std::move(how), mapping,
                                            [&run](client::session& s) { return send_target(s, run); });
    run.from.reset();
}

int copy_through_pipe(const copy_job& job, client::url source, client::url target) {
    const auto source_options = job.options.for_site(source);
    if (!source_options) return report_error("copy", source_options.error(), exit_status::usage);
    const auto target_options = job.options.for_site(target);
    if (!target_options) return report_error("copy", target_options.error(), exit_status::usage);
    auto from = source_options->session(source);
    if (!from) return report_error("copy", from.error(), exit_status::usage);
    auto to = target_options->session(target);
    if (!to) return report_error("copy", to.error(), exit_status::usage);
    const auto mapping = job.options.mapping();
    if (!mapping) return report_error("copy", mapping.error(), exit_status::usage);
    const site_memory of_source(source, *source_options, *from);
    const site_memory of_target(target, *target_options, *to);
    from->can_resume = to->can_resume = false;
    // A target that fails closes its end of the pipe, which must be an error of the write and not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return report_error("copy", error{from_errno(errno), errno, "making a pipe"}, exit_status::local_file);
    copy_run run{job, std::move(source), std::move(target), unique_fd(ends[0]), unique_fd(ends[1])};
    const auto started_at = net::clock::now();
    progress_bar bar(std::string(run.source.file_name()), !job.options.quiet && !job.options.verbose);
    {
        const std::jthread receiving([&] { run_source(run, std::move(*from), *mapping, bar); });
        run_target(run, std::move(*to), *mapping);
    }
    bar.finish();
    of_source.learn(run.received.attempts);
    of_target.learn(run.sent.attempts);
    // The session that failed first: the other one only lost its end of the pipe.
    const bool target_failed = !run.sent.got && run.sent.got.error().cause.code != source_failed;
    const bool is_of_source = !run.received.got && !target_failed;
    transfer_result result{"copy", is_of_source ? run.source.text() : run.target.text(), run.target.text()};
    result.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at);
    auto& ended = is_of_source ? run.received : run.sent;
    result.got = std::move(ended.got);
    result.attempts = std::move(ended.attempts);
    return report(result, job.options);
}

int run_copy(const copy_job& job) {
    auto source = parse_location(job.source);
    if (!source) return report_error("copy", source.error(), exit_status::usage);
    auto target = parse_location(job.target);
    if (!target) return report_error("copy", target.error(), exit_status::usage);
    if (source->file_name().empty())
        return report_error("copy", error{errc::usage, 0, "SOURCE names a directory; name a file in it"},
                            exit_status::usage);
    if (target->file_name().empty()) target->path += source->file_name();
    if (source->ascii != target->ascii)
        return report_error("copy", error{errc::usage, 0, "';type=a' must be in both URLs, or in none"}, exit_status::usage);
    return copy_through_pipe(job, std::move(*source), std::move(*target));
}

}  // namespace

void add_copy_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<copy_job>();
    CLI::App* command = app.add_subcommand("copy", "Copy a file from one server to another");
    command_table table;
    table.add("Arguments", {{"SOURCE", "", required(text(job->source)), "URL of the file, or NAME:PATH of a site"},
                            {"TARGET", "", required(text(job->target)),
                             "URL of the copy, or NAME:PATH; after a final '/', it keeps its name"}});
    table.add("Files", {{"--temp-name", "", flag(job->temp_name), "Upload to NAME.part, and rename it at the end"}});
    job->options.add_to(table);
    job->options.add_transfers_to(table, false);
    job->options.add_learning_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run_copy(*job); });
}

}  // namespace sallyport::cli
