#pragma once
// Runs the one session of a client command, from connecting to QUIT, on an event loop of its own. Functions for the main
// thread; the arguments must outlive the call.

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <sallyport/cli/active_mapping.hpp>
#include <sallyport/cli/step_line.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::cli {

template <class Report>
struct session_result {
    client::outcome<Report> got = std::unexpected(client::failure{});
    std::vector<client::attempt> attempts;
};

/// The part between login and QUIT.
template <class Report>
using session_work = std::function<net::task<client::outcome<Report>>(client::session&)>;

template <class Report>
net::task<> run_steps(net::loop& loop, const client::url& location, client::options how, const session_work<Report>& work,
                      step_line& shown, session_result<Report>& out) {
    const auto session = std::make_shared<client::session>(loop, std::move(how));
    if (shown.is_wanted()) loop.spawn("showing the step", show_steps(loop, session, shown));
    auto opened = co_await session->open(location);
    if (!opened) {
        out.got = std::unexpected(std::move(opened.error()));
        shown.end();
    } else {
        out.got = co_await work(*session);
        shown.end();
        out.attempts = session->attempts();
        co_await session->quit();
    }
}

/// Returns when the session has ended. `mapping`: for active mode. `shown` is the line of its steps, which `work` may end.
template <class Report>
[[nodiscard]] session_result<Report> run_session(const client::url& location, client::options how,
                                                 const reach::mapping_settings& mapping, const session_work<Report>& work,
                                                 step_line& shown) {
    net::loop_group loops(1);
    session_result<Report> out;
    std::optional<active_mapping> mapped;
    if (mapping.is_enabled()) how.mapping = mapped.emplace(loops.at(0), mapping).listener();
    loops.run_until_done(run_steps(loops.at(0), location, std::move(how), work, shown, out));
    return out;
}

/// The same without showing the steps.
template <class Report>
[[nodiscard]] session_result<Report> run_session(const client::url& location, client::options how,
                                                 const reach::mapping_settings& mapping, const session_work<Report>& work) {
    step_line nothing(false);
    return run_session<Report>(location, std::move(how), mapping, work, nothing);
}

}  // namespace sallyport::cli
