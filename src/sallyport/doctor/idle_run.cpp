#include <sallyport/doctor/idle_run.hpp>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <sallyport/doctor/idle_probe.hpp>

namespace sallyport::doctor {

namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds reply_wait(4000);

struct idle_session {
    std::unique_ptr<client::connection> connection;
    diagnosis::idle_probe probe;
};

/// What the sessions of one measurement share.
struct measurement {
    net::loop& loop;
    net::worker_pool& pool;
    diagnosis::facts& facts;
    seconds beat;
    std::size_t running = 0;
    net::event finished;
};

/// Often enough for the shortest timeout that is measured, and not more often than an administrator would set it.
seconds beat_for(seconds longest) { return std::clamp(longest / 8, seconds(1), seconds(60)); }

/// The silences to try: at most four, the longest one among them.
std::vector<seconds> silences_up_to(seconds longest) {
    constexpr std::size_t max_silences = 4;
    std::vector<seconds> out;
    for (const int minutes : {1, 2, 5, 10, 15, 30, 60, 120})
        if (seconds(minutes * 60) < longest) out.emplace_back(minutes * 60);
    if (out.empty() && longest > seconds(2)) out = {longest / 4, longest / 2};
    out.push_back(longest);
    if (out.size() > max_silences) out.erase(out.begin(), out.end() - max_silences);
    std::erase(out, seconds(0));
    return out;
}

std::string state_of(const std::expected<proto::reply, proto::client_failure>& reply) {
    if (reply) return reply->code == 421 ? "closed" : "alive";
    switch (reply.error().cause.code) {
        case errc::reset: return "reset";
        // A reply that no command asked for is the server's last one: it has closed the session in the silence.
        case errc::stray_reply:
        case errc::closed: return "closed";
        default: return reply.error().reply_code == 421 ? "closed" : "no answer";
    }
}

net::task<> stay_silent(measurement& all, idle_session& one) {
    co_await all.loop.sleep_for(seconds(one.probe.seconds));
    auto& session = *one.connection;
    if (session.control().is_tls()) {
        one.probe.result = state_of(co_await session.request(proto::verb::noop, {}));
        co_return;
    }
    const auto* const control = all.facts.control_trace();
    const unsigned distance = control == nullptr || control->last_expired() == 0 ? 0 : control->last_expired() + 1;
    auto work = [socket = session.control().native_handle(), distance] { return use_after_silence(socket, distance); };
    const auto found = co_await net::offload(all.pool, all.loop, std::move(work));
    one.probe.result = found.state;
    one.probe.hop = found.last_hop;
}

net::task<> send_noops(measurement& all, idle_session& one) {
    const auto until = net::clock::now() + seconds(one.probe.seconds);
    one.probe.result = "alive";
    while (net::clock::now() < until && one.probe.result == "alive") {
        co_await all.loop.sleep_for(all.beat);
        one.probe.result = state_of(co_await one.connection->request(proto::verb::noop, {}));
    }
}

net::task<> hold(measurement& all, idle_session& one) {
    if (one.probe.kept_by == "NOOP")
        co_await send_noops(all, one);
    else
        co_await stay_silent(all, one);
    one.connection->close();
    if (--all.running == 0) all.finished.set();
}

}  // namespace

net::task<> measure_idle(net::loop& loop, net::worker_pool& pool, const idle_settings& settings, diagnosis::facts& into) {
    const auto beat = beat_for(settings.longest);
    std::vector<diagnosis::idle_probe> plan;
    for (const auto silence : silences_up_to(settings.longest)) plan.push_back({silence.count(), "silent", {}, {}});
    for (const auto* const kept_by : {"keepalive", "NOOP"}) plan.push_back({settings.longest.count(), kept_by, {}, {}});

    measurement all{loop, pool, into, beat, 0, net::event(loop)};
    std::vector<idle_session> sessions;
    sessions.reserve(plan.size());
    for (auto& probe : plan) {
        auto how = settings.how;
        how.reply = reply_wait;
        how.keepalive = probe.kept_by == "keepalive" ? net::keepalive{beat, beat, 5} : net::keepalive{};
        auto session = std::make_unique<client::connection>(loop, std::move(how));
        if (const auto failure = co_await session->open(settings.server, client::open_depth::login, settings.login)) {
            into.not_measured.push_back(
                fmt::format("more than {} idle sessions at a time: {}", sessions.size(), failure->cause.text()));
            break;
        }
        sessions.push_back({std::move(session), std::move(probe)});
    }
    if (sessions.empty()) co_return;
    if (settings.on_step)
        settings.on_step(fmt::format("holding {} sessions open for up to {} s", sessions.size(), settings.longest.count()));
    all.running = sessions.size();
    for (auto& each : sessions) loop.spawn("holding a session", hold(all, each));
    (void)co_await all.finished.wait(net::deadline::max());
    for (auto& each : sessions) into.idle.push_back(std::move(each.probe));
}

}  // namespace sallyport::doctor
