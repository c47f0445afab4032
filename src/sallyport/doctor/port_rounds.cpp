#include <sallyport/doctor/port_rounds.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace sallyport::doctor {

namespace {

using diagnosis::method_result;
using diagnosis::port_round;

constexpr std::chrono::milliseconds round_wait(1200);
/// Longer than a second, for which most limits count; a stricter one is not found.
constexpr std::chrono::milliseconds rate_pause(5000);

}  // namespace

net::task<> compare_ports(net::loop& loop, const round_settings& settings, diagnosis::facts& into) {
    client::connection session(loop, settings.how);
    if (const auto failure = co_await session.open(settings.server, client::open_depth::login, settings.login)) {
        into.not_measured.push_back(
            fmt::format("several ports: no further session was admitted ({})", failure->cause.text()));
        co_return;
    }
    const auto from = session.control().local().address;
    // An interrupted run prints the facts, and the reply may quote the password, which the caller takes out at the end.
    std::optional<port_round> refused;
    unsigned tried = 0;
    bool worked = false;
    bool paused = false;
    for (; tried < settings.rounds && session.is_open(); ++tried) {
        if (settings.on_step) settings.on_step(fmt::format("port {} of {}", tried + 1, settings.rounds));
        const auto reply = co_await session.request(proto::verb_of(settings.method), {});
        if (!reply) break;
        const auto to = data_endpoint_in(*reply, session, settings.method);
        if (!to) {
            refused = {settings.method, 0, method_result::verb_refused, {}, {}, reply->code, proto::summary(*reply)};
            break;
        }
        port_round round{.method = settings.method, .port = to->port};
        round.result = co_await connect_once(loop, from, *to, round_wait);
        // By port or by chance: the same port once more.
        if (round.result != method_result::ok) round.again = co_await connect_once(loop, from, *to, round_wait);
        // By rate: once more after a pause.
        const bool failed_twice = round.again && *round.again != method_result::ok;
        if (failed_twice && worked && !std::exchange(paused, true)) {
            co_await loop.sleep_for(rate_pause);
            round.after_pause = co_await connect_once(loop, from, *to, round_wait);
        }
        worked = worked || round.result == method_result::ok;
        into.rounds.push_back(std::move(round));
    }
    co_await session.quit();
    if (tried < settings.rounds)
        into.not_measured.push_back(
            fmt::format("{} of {} ports: the server named no further port", settings.rounds - tried, settings.rounds));
    if (refused) into.rounds.push_back(std::move(*refused));
}

net::task<> trace_failing_port(path_probe probe, diagnosis::facts& into) {
    const auto works = [](const port_round& r) { return r.result == method_result::ok; };
    const auto fails = [](const port_round& r) {
        return r.again && *r.again == r.result && r.result != method_result::ok && r.after_pause != method_result::ok;
    };
    const auto round = std::ranges::find_if(into.rounds, fails);
    if (round == into.rounds.end() || std::ranges::none_of(into.rounds, works)) co_return;
    const auto* const known = into.data_trace();
    if (known != nullptr && !known->first(diagnosis::hop_answer::opened)) co_return;
    if (into.control_trace() == nullptr) {
        auto control = co_await trace_control(probe);
        if (!control) co_return;
        into.traces.insert(into.traces.begin(), std::move(*control));
    }
    diagnosis::method_facts attempt;
    attempt.method = round->method;
    attempt.result = round->result;
    attempt.target = endpoint{probe.server.address, round->port};
    const auto control = std::ranges::find_if(into.traces, &diagnosis::path_trace::control);
    auto traced = co_await trace_data(probe, nullptr, std::move(attempt), *control);
    // Before that of a port that works.
    if (traced) into.traces.insert(control + 1, std::move(*traced));
}

}  // namespace sallyport::doctor
