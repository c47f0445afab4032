#pragma once
// Runs the one session call of a client command in a shell: on its connections (kept_site.hpp), or on one of the command's
// own for another site, in each case so that Ctrl-C ends the command only. Functions for the main thread; the arguments must
// outlive the call.

#include <utility>

#include <sallyport/cli/kept_site.hpp>
#include <sallyport/cli/run_session.hpp>

namespace sallyport::cli {

template <class Report>
net::task<client::outcome<void>> keep_result(client::session& on, const session_work<Report>& work,
                                             session_result<Report>& out) {
    auto got = co_await work(on);
    out.got = std::move(got);
    out.attempts = on.attempts();
    if (out.got) co_return client::outcome<void>{};
    co_return std::unexpected(out.got.error());
}

template <class Report>
net::task<> run_once(client::pool& on, const session_work<Report>& work, session_result<Report>& out) {
    const client::pool::work what = [&](client::session& link, int /*try_number*/) {
        return keep_result<Report>(link, work, out);
    };
    auto got = co_await on.run(what);
    if (!got) out.got = std::unexpected(std::move(got.error()));
}

/// REQUIRES: kept_site::any() is not null.
template <class Report>
[[nodiscard]] session_result<Report> run_on_kept(const client::url& location, const client_options& options,
                                                 const session_work<Report>& work) {
    session_result<Report> out;
    many_progress shown;
    const connection_count one = [](const transfer_settings& /*set*/) { return std::size_t{1}; };
    const site_work once = [&](client::pool& on) { return run_once<Report>(on, work, out); };
    const auto ran = run_on_site(location, one, options, shown, once);
    if (!ran) out.got = std::unexpected(client::failure{client::step::connect, ran.error(), 0, {}, {}});
    if (shown.signal != 0) end_by_signal(shown.signal);
    return out;
}

}  // namespace sallyport::cli
