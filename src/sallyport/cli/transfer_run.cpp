#include <sallyport/cli/transfer_run.hpp>

#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/run_session.hpp>
#include <sallyport/cli/site_memory.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

using client::transfer_report;

/// `started_at` is before the session: the time to connect counts, the time of QUIT does not.
net::task<client::outcome<transfer_report>> transfer_with_progress(client::session& session, const transfer_run& run,
                                                                   net::clock::time_point started_at, bool with_bar,
                                                                   step_line& steps, transfer_result& out) {
    progress_bar bar(run.label, with_bar);
    const auto show = [&bar, &steps](std::uint64_t done, std::optional<std::uint64_t> size) {
        steps.end();
        bar.update(done, size);
    };
    auto got = co_await run.transfer(session, show, out.partial_file);
    out.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at);
    bar.finish();
    co_return got;
}

}  // namespace

int run_transfer(const transfer_run& run, const client_options& given) {
    const auto chosen = given.for_site(run.location);
    if (!chosen) return report_error(run.command, chosen.error(), exit_status::usage);
    const auto& options = *chosen;
    auto how = options.session(run.location);
    if (!how) return report_error(run.command, how.error(), exit_status::usage);
    const auto mapping = options.mapping();
    if (!mapping) return report_error(run.command, mapping.error(), exit_status::usage);
    how->can_resume = run.file != "-";
    const site_memory memory(run.location, options, *how);
    transfer_result result{run.command, run.location.text(), run.file};
    const auto started_at = net::clock::now();
    const bool with_bar = !options.quiet && !options.verbose;
    step_line steps(with_bar);
    const auto work = [&](client::session& session) {
        return transfer_with_progress(session, run, started_at, with_bar, steps, result);
    };
    auto held = run_session<transfer_report>(run.location, std::move(*how), *mapping, work, steps);
    result.got = std::move(held.got);
    result.attempts = std::move(held.attempts);
    memory.learn(result.attempts);
    return report(result, options);
}

}  // namespace sallyport::cli
