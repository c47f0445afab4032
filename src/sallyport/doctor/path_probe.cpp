#include <sallyport/doctor/path_probe.hpp>

#include <algorithm>
#include <vector>

#include <sallyport/doctor/attempt_facts.hpp>
#include <sallyport/doctor/syn_probe.hpp>
#include <sallyport/proto/data_negotiation.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::hop_answer;
using diagnosis::path_trace;
using diagnosis::ttl_answer;

/// Longer than the round trip to any hop; all TTLs of a group wait together.
constexpr std::chrono::milliseconds answer_timeout(400);
/// Paths on the Internet are shorter.
constexpr unsigned max_hops = 36;
/// Groups of three hops without any answer, after which the path is given as unknown.
constexpr unsigned max_silent_groups = 3;
/// Of FTP: the two ports that a server may have besides its own.
constexpr std::uint16_t plain_port = 21;
constexpr std::uint16_t tls_port = 990;
/// Hops that are tried again: those next to the break.
constexpr std::size_t max_retries = 2;
/// Linux sends one ICMP error a second to each address, after the first six.
constexpr std::chrono::milliseconds icmp_limit_pause(1100);

net::task<result<std::vector<ttl_answer>>> send(path_probe probe, endpoint to, std::vector<unsigned> ttls) {
    std::vector<limited_syn> syns;
    for (const auto ttl : ttls) syns.push_back({to, ttl});
    auto work = [from = probe.local.address, syns = std::move(syns)] { return send_syns(from, answer_timeout, syns); };
    co_return co_await net::offload(probe.pool, probe.loop, std::move(work));
}

struct both_answers {
    ttl_answer data;
    ttl_answer other;
};

/// Routers limit their ICMP messages. The SYN to the data port is sent before the one to the other port: if the later one
/// is answered, the limit was not the reason for silence about the earlier one.
net::task<result<both_answers>> compare(path_probe probe, endpoint data, endpoint other, unsigned ttl) {
    const std::vector<limited_syn> syns{{data, ttl}, {other, ttl}};
    auto work = [from = probe.local.address, syns] { return send_syns(from, answer_timeout, syns); };
    const auto answers = co_await net::offload(probe.pool, probe.loop, std::move(work));
    if (!answers) co_return std::unexpected(answers.error());
    co_return both_answers{answers->at(0), answers->at(1)};
}

void replace(path_trace& trace, const std::vector<ttl_answer>& answers) {
    for (const auto& fresh : answers) {
        const auto old = std::ranges::find(trace.answers, fresh.ttl, &ttl_answer::ttl);
        if (old == trace.answers.end())
            trace.answers.push_back(fresh);
        else
            *old = fresh;
    }
    std::ranges::sort(trace.answers, {}, &ttl_answer::ttl);
}

/// The hops before `end` that answered on the other trace only.
std::vector<unsigned> missing_hops(const path_trace& trace, const path_trace& other, unsigned end) {
    std::vector<unsigned> out;
    for (unsigned ttl = 1; ttl < end; ++ttl) {
        const auto* const found = trace.answer_at(ttl);
        const bool is_silent = found == nullptr || found->what == hop_answer::none;
        if (is_silent && other.expired_at(ttl) != nullptr) out.push_back(ttl);
    }
    return out;
}

std::vector<unsigned> silent_hops(const path_trace& trace, unsigned end) {
    std::vector<unsigned> out;
    for (const auto& answer : trace.answers)
        if (answer.ttl < end && answer.what == hop_answer::none) out.push_back(answer.ttl);
    return out;
}

}  // namespace

net::task<result<path_trace>> trace_control(path_probe probe) {
    constexpr unsigned group = 3;
    path_trace out;
    out.control = true;
    out.to = probe.server;
    unsigned silent_groups = 0;
    for (unsigned ttl = 1; ttl <= max_hops && silent_groups < max_silent_groups; ttl += group) {
        const std::vector<unsigned> ttls{ttl, ttl + 1, ttl + 2};
        const auto answers = co_await send(probe, probe.server, ttls);
        if (!answers) co_return std::unexpected(answers.error());
        replace(out, *answers);
        if (out.distance()) break;
        const bool silent = std::ranges::all_of(*answers, [](const ttl_answer& a) { return a.what == hop_answer::none; });
        silent_groups = silent ? silent_groups + 1 : 0;
    }
    // Routers limit their ICMP messages, so silence is asked twice.
    const auto again = silent_hops(out, out.distance().value_or(0));
    if (!again.empty()) {
        const auto answers = co_await send(probe, probe.server, again);
        if (!answers) co_return std::unexpected(answers.error());
        replace(out, *answers);
    }
    co_return out;
}

net::task<result<path_trace>> trace_other_port(path_probe probe, const path_trace& control) {
    constexpr unsigned group = 3;
    path_trace out;
    out.to = {probe.server.address, probe.server.port == tls_port ? plain_port : tls_port};
    const auto opened = control.first(hop_answer::opened);
    if (!opened) co_return out;
    std::vector<unsigned> ttls(1, *opened);
    for (;;) {
        const auto answers = co_await send(probe, out.to, ttls);
        if (!answers) co_return std::unexpected(answers.error());
        replace(out, *answers);
        const bool goes_on =
            std::ranges::any_of(*answers, [](const ttl_answer& a) { return a.what == hop_answer::expired; });
        if (!goes_on || out.distance() || ttls.back() >= max_hops) co_return out;
        const unsigned next = ttls.back() + 1;
        ttls.clear();
        for (unsigned ttl = next; ttl < next + group; ++ttl) ttls.push_back(ttl);
    }
}

std::optional<endpoint> data_endpoint_in(const proto::reply& reply, const client::connection& session,
                                         proto::data_method method) {
    const auto server = session.control().peer().address;
    const auto named = proto::advertised_endpoint(method, server, reply);
    if (!named || !proto::may_carry_data(named->port)) return std::nullopt;
    return endpoint{server, named->port};
}

net::task<diagnosis::method_result> connect_once(net::loop& loop, ip_address from, endpoint to,
                                                 std::chrono::milliseconds wait) {
    net::connect_options how;
    if (from.is_v4() == to.address.is_v4()) how.bind_to = {from, 0};
    auto opened = co_await net::connect(loop, to, how, net::time_limit::within(wait));
    if (!opened) co_return result_of_connect(opened.error());
    opened->abort();
    co_return diagnosis::method_result::ok;
}

net::task<std::optional<endpoint>> negotiate(client::connection& session, proto::data_method method) {
    const auto reply = co_await session.request(proto::verb_of(method), {});
    if (!reply) co_return std::nullopt;
    co_return data_endpoint_in(*reply, session, method);
}

namespace {

/// A fresh one, or that of the attempt.
net::task<std::optional<endpoint>> port_for(client::connection* session, const diagnosis::method_facts& attempt) {
    if (session == nullptr) co_return attempt.target;
    if (!session->is_open()) co_return std::nullopt;
    co_return co_await negotiate(*session, attempt.method);
}

}  // namespace

net::task<result<path_trace>> trace_data(path_probe probe, client::connection* session, diagnosis::method_facts attempt,
                                         path_trace& reference) {
    path_trace out;
    out.to = *attempt.target;
    const auto distance = reference.control ? reference.first(hop_answer::opened) : reference.distance();
    if (!distance) co_return out;
    const bool was_answered =
        attempt.result == diagnosis::method_result::refused || attempt.result == diagnosis::method_result::unreachable;
    std::vector<unsigned> ttls;
    // A SYN that arrives at an open port would take the place of the data connection.
    for (unsigned ttl = 1; ttl < *distance + (was_answered ? 1 : 0); ++ttl) ttls.push_back(ttl);
    const auto answers = co_await send(probe, out.to, ttls);
    if (!answers) co_return std::unexpected(answers.error());
    replace(out, *answers);
    if (!was_answered)
        out.answers.push_back(
            {*distance, attempt.result == diagnosis::method_result::ok ? hop_answer::opened : hop_answer::none, {}, 0, 0});

    // The hops next to the break, each once, and once more if the limit of ICMP messages was the reason for silence.
    const auto missing = missing_hops(out, reference, *distance);
    for (std::size_t i = 0; i < missing.size() && i < max_retries; ++i) {
        for (unsigned attempts_left = 2; attempts_left > 0; --attempts_left) {
            const auto fresh = co_await port_for(session, attempt);
            if (!fresh) break;
            const auto both = co_await compare(probe, *fresh, reference.to, missing[i]);
            if (!both) co_return std::unexpected(both.error());
            replace(out, {both->data});
            // A hop that does not answer on the other port either is no suspect.
            replace(reference, {both->other});
            if (both->data.what != hop_answer::none || both->other.what != hop_answer::none) break;
            co_await probe.loop.sleep_for(icmp_limit_pause);
        }
    }
    const auto refused = out.first(hop_answer::refused);
    if (!refused) co_return out;
    if (*refused < *distance) {
        const auto fresh = co_await port_for(session, attempt);
        if (fresh) {
            const std::vector<unsigned> again(1, *refused);
            const auto repeated = co_await send(probe, *fresh, again);
            if (!repeated) co_return std::unexpected(repeated.error());
            replace(out, *repeated);
            out.to = *fresh;
        }
    }
    const syn_target target{out.to, probe.local.address, answer_timeout};
    auto work = [target] { return ttl_of_refusal(target); };
    out.reply_ttl = co_await net::offload(probe.pool, probe.loop, std::move(work));
    co_return out;
}

}  // namespace sallyport::doctor
