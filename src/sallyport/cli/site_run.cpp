#include <sallyport/cli/site_run.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/site_memory.hpp>
#include <sallyport/client/router_listener.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

constexpr auto between_updates = std::chrono::milliseconds(100);

net::task<> show_progress(net::loop& home, many_progress& shown, progress_bar& bar, const bool& ended) {
    while (!ended) {
        const std::size_t finished = shown.counters.done + shown.counters.skipped + shown.counters.failed;
        bar.rename(fmt::format("{} of {}", finished, status::with_plural(shown.files, "file")));
        std::optional<std::uint64_t> size;
        if (shown.unknown_sizes == 0) size = std::max(shown.bytes.load(), shown.counters.bytes.load());
        if (shown.files > 0) bar.update(shown.counters.bytes, size);
        co_await home.sleep_for(between_updates);
    }
}

net::task<> run_and_close(client::pool& connections, const site_work& work, bool& ended) {
    co_await work(connections);
    co_await connections.close();
    ended = true;
}

/// The options of each session; they differ in what belongs to its loop, and in the transcript.
std::function<client::options(net::loop&)> session_options(client::options common, reach::mapping_settings mapping,
                                                           bool several) {
    const auto count = std::make_shared<std::atomic<int>>(0);
    return [common = std::move(common), mapping = std::move(mapping), several, count](net::loop& l) {
        auto out = common;
        if (mapping.is_enabled()) out.mapping = std::make_shared<client::router_listener>(l, mapping);
        if (common.transcript && several)
            out.transcript = [number = ++*count](std::string_view line) {
                fmt::print(stderr, "[{}] {}\n", number, escape(line));
            };
        return out;
    };
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
net::signal_actions cancel_at_signals(client::pool& connections, many_progress& shown) {
    std::move_only_function<void()> hangup;
    if (!ignores_hangups()) hangup = [] { end_by_signal(SIGHUP); };
    return {.stop =
                [&connections, &shown](int signal) {
                    if (shown.signal.exchange(signal) != 0) end_by_signal(signal);
                    connections.cancel();
                },
            .reload = std::move(hangup),
            .rotate = {},
            .restart = {}};
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
    const auto settings_of_site = options.for_site(site);
    if (!settings_of_site) return std::unexpected(settings_of_site.error());
    auto how = settings_of_site->session(site);
    if (!how) return std::unexpected(std::move(how.error()));
    auto mapping = settings_of_site->mapping();
    if (!mapping) return std::unexpected(std::move(mapping.error()));
    const site_memory memory(site, *settings_of_site, *how);
    net::loop_group loops(1);
    client::pool_settings settings;
    settings.connections = count(settings_of_site->transfers);
    settings.pipelining = !settings_of_site->transfers.no_pipelining;
    settings.known = memory.known();
    settings.session_options = session_options(std::move(*how), std::move(*mapping), settings.connections > 1);
    client::pool connections(loops.at(0), site, std::move(settings));
    const net::signal_watch signals(loops.at(0), cancel_at_signals(connections, shown));
    progress_bar bar("", !options.quiet && !options.verbose);
    bool ended = false;
    loops.at(0).spawn("the progress bar", show_progress(loops.at(0), shown, bar, ended));
    loops.run_until_done(run_and_close(connections, work, ended));
    memory.learn(connections.learned());
    return connections.limit();
}

void end_by_signal(int signal) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    // The first process of a container is not ended by its own signals.
    std::_Exit(128 + signal);
}

}  // namespace sallyport::cli
