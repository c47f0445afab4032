#include <sallyport/cli/transfer_run.hpp>

#include <sallyport/cli/in_session.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

using client::transfer_report;

/// `begun` is before the session: the time to connect counts, that to say QUIT does not.
net::task<client::outcome<transfer_report>> move_watched(client::session& session, const transfer_run& run,
                                                         net::clock::time_point begun, bool with_bar, transfer_result& out) {
    progress_bar bar(run.label, with_bar);
    const auto show = [&bar](std::uint64_t done, std::optional<std::uint64_t> size) { bar.update(done, size); };
    auto got = co_await run.move(session, show, out.kept);
    out.taken = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - begun);
    bar.finish();
    co_return got;
}

}  // namespace

int run_transfer(const transfer_run& run, const client_options& options) {
    auto how = options.session(run.where);
    if (!how) return report_error(run.command, how.error(), exit_status::usage);
    how->can_resume = run.file != "-";
    transfer_result result{run.command, run.where.text(), run.file};
    const auto begun = net::clock::now();
    const bool with_bar = !options.quiet && !options.verbose;
    auto held = in_session<transfer_report>(run.where, std::move(*how), [&](client::session& session) {
        return move_watched(session, run, begun, with_bar, result);
    });
    result.got = std::move(held.got);
    result.attempts = std::move(held.attempts);
    return report(result, options);
}

}  // namespace sallyport::cli
