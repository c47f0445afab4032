#include <sallyport/cli/site_run.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/cli/kept_site.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/site_connections.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

constexpr auto between_updates = std::chrono::milliseconds(100);

net::task<> show_progress(many_progress& shown, progress_bar& bar, net::event& stop, net::event& stopped) {
    for (bool ends = false; !ends;) {
        const std::size_t finished = shown.counters.done + shown.counters.skipped + shown.counters.failed;
        bar.rename(fmt::format("{} of {}", finished, status::with_plural(shown.files, "file")));
        std::optional<std::uint64_t> size;
        if (shown.unknown_sizes == 0) size = std::max(shown.bytes.load(), shown.counters.bytes.load());
        if (shown.files > 0) bar.update(shown.counters.bytes, size);
        ends = co_await stop.wait(net::clock::now() + between_updates);
    }
    stopped.set();
}

[[noreturn]] void end_process_by(int signal) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    // The first process of a container is not ended by its own signals.
    std::_Exit(128 + signal);
}

/// nohup. Asked before the first watch, which replaces the setting.
bool ignores_hangups() {
    static const bool ignored = [] {
        struct ::sigaction now{};
        return ::sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
    }();
    return ignored;
}

/// At the first signal everything is cancelled, and what was kept is reported; the second one ends the process.
net::signal_actions cancel_at_signals(client::pool& connections, many_progress& shown, bool are_kept) {
    std::move_only_function<void()> hangup;
    if (!ignores_hangups()) hangup = [] { end_process_by(SIGHUP); };
    return {.stop =
                [&connections, &shown, are_kept](int signal) {
                    if (shown.signal.exchange(signal) != 0) end_process_by(signal);
                    if (are_kept)
                        connections.interrupt();
                    else
                        connections.cancel();
                },
            .reload = std::move(hangup),
            .rotate = {},
            .restart = {}};
}

/// Runs the work with a progress bar, and cancels it at signals. Connections that are not kept are closed. `limit`: the
/// number of connections that the site allows.
net::task<> run_shown(client::pool& connections, const site_work& work, many_progress& shown, bool with_bar, bool are_kept,
                      std::size_t& limit) {
    auto& home = connections.home();
    const net::signal_watch signals(home, cancel_at_signals(connections, shown, are_kept));
    progress_bar bar("", with_bar);
    net::event stop(home);
    net::event stopped(home);
    home.spawn("the progress bar", show_progress(shown, bar, stop, stopped));
    std::exception_ptr failed;
    try {
        co_await work(connections);
        if (!are_kept) co_await connections.close();
    } catch (...) {
        failed = std::current_exception();
    }
    limit = connections.limit();
    // For the next command, and for the listings of completions.
    if (are_kept) connections.resume();
    stop.set();
    (void)co_await stopped.wait(net::deadline::max());
    if (failed) std::rethrow_exception(failed);
}

bool is_same_site(const client::url& a, const client::url& b) {
    return a.tls == b.tls && a.host == b.host && a.port == b.port && a.user == b.user && a.password == b.password &&
           a.ascii == b.ascii && a.site == b.site;
}

}  // namespace

std::vector<std::vector<client::url>> by_site(const std::vector<client::url>& urls) {
    std::vector<std::vector<client::url>> out;
    for (const auto& each : urls) {
        const auto same = std::ranges::find_if(out, [&each](const auto& site) { return is_same_site(site.front(), each); });
        if (same == out.end())
            out.push_back({each});
        else
            same->push_back(each);
    }
    return out;
}

result<std::size_t> run_on_site(const client::url& site, const connection_count& count, const client_options& options,
                                many_progress& shown, const site_work& work) {
    const bool with_bar = !options.quiet && !options.verbose;
    std::size_t limit = 0;
    if (auto* const kept = kept_site::of(site)) {
        const site_work on_kept = [&](client::pool& on) { return run_shown(on, work, shown, with_bar, true, limit); };
        kept->run(on_kept);
        return limit;
    }
    const auto settings_of_site = options.for_site(site);
    if (!settings_of_site) return std::unexpected(settings_of_site.error());
    auto how = settings_of_site->session(site);
    if (!how) return std::unexpected(std::move(how.error()));
    auto mapping = settings_of_site->mapping();
    if (!mapping) return std::unexpected(std::move(mapping.error()));
    site_connections own(site, *settings_of_site, std::move(*how), std::move(*mapping), count(settings_of_site->transfers));
    own.loops.run_until_done(run_shown(own.pool, work, shown, with_bar, false, limit));
    own.memory.learn(own.pool.learned());
    return limit;
}

void end_by_signal(int signal) {
    auto* const kept = kept_site::any();
    if (kept == nullptr) end_process_by(signal);
    kept->signal = signal;
}

}  // namespace sallyport::cli
