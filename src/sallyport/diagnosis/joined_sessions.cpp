#include <sallyport/diagnosis/joined_sessions.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sallyport/diagnosis/rule_support.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::diagnosis {
namespace {

// ---- Which sessions are the same

[[nodiscard]] bool is_known(const endpoint& e) { return !e.address.is_unspecified(); }

/// A log may have no port.
[[nodiscard]] bool is_same(const endpoint& a, const endpoint& b) {
    return is_known(a) && a.address == b.address && (a.port == b.port || a.port == 0 || b.port == 0);
}

[[nodiscard]] bool may_be_at_the_same_time(const run_times& a, const run_times& b) {
    return !a.are_known() || !b.are_known() ||
           (a.started <= b.ended + max_clock_difference && b.started <= a.ended + max_clock_difference);
}

/// Of the negotiation, as this file has it.
[[nodiscard]] std::optional<std::uint16_t> port_of(const method_facts& m) {
    const auto& at = is_active(m.method) || !m.advertised ? m.target : m.advertised;
    return at ? std::optional(at->port) : std::nullopt;
}

[[nodiscard]] std::size_t common_ports(const facts& a, const facts& b) {
    return static_cast<std::size_t>(std::ranges::count_if(a.methods, [&](const method_facts& m) {
        const auto port = port_of(m);
        return port && std::ranges::any_of(b.methods, [&](const method_facts& o) { return port_of(o) == port; });
    }));
}

struct likeness {
    std::size_t points = 0;
    /// Seconds between their beginnings; 0: not known.
    std::int64_t apart = 0;

    [[nodiscard]] bool is_more_than(const likeness& other) const noexcept {
        return points != other.points ? points > other.points : apart < other.apart;
    }
};

/// How much two sessions are alike; nothing if they are not the same. `is_only`: there is no other one to mistake it for.
[[nodiscard]] std::optional<likeness> compare(const facts& a, const facts& b, bool is_only) {
    if (a.captured && b.captured && a.captured->client_sequence && b.captured->client_sequence)
        return a.captured->client_sequence == b.captured->client_sequence ? std::optional(likeness{}) : std::nullopt;
    if (!may_be_at_the_same_time(a.times, b.times)) return std::nullopt;
    const bool same_client = is_same(a.client, b.client);
    // Without NAT between, another port is another session.
    if (!same_client && is_known(a.client) && a.client.address == b.client.address) return std::nullopt;
    if (!same_client && !is_same(a.server, b.server)) return std::nullopt;
    const auto ports = common_ports(a, b);
    if (!same_client && ports == 0 && !is_only) return std::nullopt;
    // NAT keeps the port where it can.
    const bool same_port = a.client.port != 0 && a.client.port == b.client.port;
    const bool has_times = a.times.are_known() && b.times.are_known();
    return likeness{.points = 2 * ports + (same_client ? 1U : 0U) + (same_port ? 1U : 0U),
                    .apart = has_times ? std::abs(a.times.started - b.times.started) : 0};
}

// ---- What the server's end has of an attempt

/// Under TLS, a capture has the ports only; otherwise the attempts of both are in the same order.
[[nodiscard]] const method_facts* counterpart_of(const facts& client, std::size_t index, const facts& server) {
    const auto& m = client.methods[index];
    const auto hides = [](const facts& known) { return known.captured && known.tls_mode != "none"; };
    if (hides(client) || hides(server)) {
        const auto found = std::ranges::find_if(
            server.methods, [&](const method_facts& o) { return port_of(o).has_value() && port_of(o) == port_of(m); });
        return found == server.methods.end() ? nullptr : &*found;
    }
    const auto is_alike = [&m](const method_facts& o) { return o.method == m.method; };
    auto before =
        std::count_if(client.methods.begin(), client.methods.begin() + static_cast<std::ptrdiff_t>(index), is_alike);
    for (const auto& each : server.methods)
        if (is_alike(each) && before-- == 0) return &each;
    return nullptr;
}

/// The line of the negotiation; empty if the file has none.
[[nodiscard]] std::string line_of(const method_facts& m) {
    using enum proto::data_method;
    const auto& at = is_active(m.method) ? m.target : m.advertised;
    if (!at) return {};
    if (m.method == epsv) return "229 " + proto::format_229(at->port);
    if (m.method == eprt) return "EPRT " + proto::format_eprt(*at);
    if (!at->address.is_v4()) return {};
    return m.method == pasv ? "227 " + proto::format_227(*at) : "PORT " + proto::format_host_port(*at);
}

/// Whether the capture has everything of this attempt: its command or reply, or, under TLS, which hides them, the whole
/// session.
[[nodiscard]] bool has_recorded(const facts& server, const method_facts& m) {
    if (server.tls_mode != "none") return true;
    return m.target && std::ranges::find(server.captured->named_ports, m.target->port) != server.captured->named_ports.end();
}

/// A capture has the packets of a connection, or there were none.
[[nodiscard]] packet_facts packets_of(const method_facts* m) {
    return m != nullptr && m->packets ? *m->packets : packet_facts();
}

void judge_silent(const method_facts& m, const method_facts* there, std::vector<verdict>& out) {
    const auto seen = packets_of(there);
    const auto here = packets_of(&m);
    const bool active = is_active(m.method);
    const auto* const opener = active ? "server" : "client";
    const auto to = m.target ? m.target->text() : std::string("the data port");
    // The end that answers is the other one than that which opens.
    const auto& near = active ? here : seen;
    const auto& far = active ? seen : here;
    auto& found = verdict_about_ports(out, active ? "active-blocked" : "data-ports-dropped");
    if (active && seen.syns == 0) {
        found.side = side::server;
        found.confidence = confidence::likely;
        found.evidence.push_back(fmt::format("the capture nearer to the server has no SYN of the server to {}", to));
    } else if (near.syns == 0) {
        found.confidence = confidence::likely;
        found.evidence.push_back(fmt::format(
            "the SYN of the {} to {} is not in the capture nearer to the {}: a device between the places of both "
            "files drops it",
            opener, to, active ? "client" : "server"));
    } else if (near.syn_acks > 0 && far.syn_acks == 0) {
        auto lost = verdict_of("answers-lost", side::undecided, confidence::certain);
        lost.method = m.method;
        lost.evidence.push_back(
            fmt::format("the SYN of the {} to {} has arrived and was answered, and the answer is not at the "
                        "other end: a device between the places of both files drops it",
                        opener, to));
        found = std::move(lost);
    } else if (near.syn_acks == 0) {
        found.side = active ? side::client : side::server;
        found.confidence = confidence::likely;
        found.evidence.push_back(
            fmt::format("the SYN of the {} to {} has arrived at the place of the other capture, and nothing "
                        "has answered it there: the firewall is on that host, or further on than that place",
                        opener, to));
    }
}

void judge_refused(const method_facts& m, const method_facts* there, std::vector<verdict>& out) {
    const auto seen = packets_of(there);
    auto& found = verdict_about_ports(out, "data-ports-refused");
    if (seen.refusals > 0) {
        found.side = side::server;
        found.confidence = confidence::likely;
        found.evidence.push_back(
            fmt::format("the capture nearer to the server has the RST of {} as well", m.target->text()));
    } else if (seen.syns == 0) {
        found.confidence = confidence::likely;
        found.evidence.push_back(fmt::format(
            "the SYN to {} is not in the capture nearer to the server: a device between the places of both files "
            "refuses it",
            m.target->text()));
    }
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> same_sessions(std::span<const facts> one, std::span<const facts> other) {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    std::vector<bool> used(other.size());
    const bool is_only = one.size() == 1 && other.size() == 1;
    for (std::size_t i = 0; i < one.size(); ++i) {
        std::optional<likeness> best;
        std::optional<std::size_t> best_at;
        for (std::size_t j = 0; j < other.size(); ++j) {
            const auto alike = used[j] ? std::nullopt : compare(one[i], other[j], is_only);
            if (!alike || (best && !alike->is_more_than(*best))) continue;
            best = alike;
            best_at = j;
        }
        if (!best_at) continue;
        used[*best_at] = true;
        out.emplace_back(i, *best_at);
    }
    return out;
}

bool is_nearer_to_server(const facts& one, const facts& other) noexcept {
    if (one.seen_from != other.seen_from) return other.seen_from == vantage::server;
    if (one.captured.has_value() != other.captured.has_value()) return other.captured.has_value();
    if (!one.captured) return true;
    const auto ttl_at_one = one.captured->server_ttl.value_or(0);
    const auto ttl_at_other = other.captured->server_ttl.value_or(0);
    return ttl_at_other >= ttl_at_one;
}

void add_server_view(facts& client, const facts& server) {
    for (std::size_t i = 0; i < client.methods.size(); ++i) {
        const auto* const there = counterpart_of(client, i, server);
        if (there == nullptr || client.methods[i].seen_by_server) continue;
        client.methods[i].seen_by_server =
            server_view{.peer = server.client, .negotiated = line_of(*there), .source = {}, .others = {}};
    }
}

std::vector<verdict> judge_both(const facts& client, const facts& server) {
    auto out = judge(client);
    bool has_passive = false;
    bool has_active = false;
    for (std::size_t i = 0; i < client.methods.size(); ++i) {
        const auto& m = client.methods[i];
        const bool active = is_active(m.method);
        // One attempt is enough: the second one has the same cause.
        if (!is_blocked(m) || std::exchange(active ? has_active : has_passive, true)) continue;
        const auto* const there = counterpart_of(client, i, server);
        if (!server.captured) {
            if (there == nullptr || there->reply_code < 400) continue;
            verdict_about_ports(out, active ? "active-blocked" : "data-ports-dropped")
                .evidence.push_back("the server's log: " + there->reply);
        } else if (there == nullptr && !has_recorded(server, m)) {
            continue;
        } else if (m.result == method_result::silent) {
            if (!active || client.captured) judge_silent(m, there, out);
        } else if (m.result == method_result::refused && m.target && !active) {
            judge_refused(m, there, out);
        }
    }
    // Of one end only, such as segments that are sent again and again.
    for (auto& each : judge(server))
        if (!has_id(out, {each.id}) && !each.id.starts_with("data-ports-") && each.id != "active-blocked")
            out.push_back(std::move(each));
    sort_by_weight(out);
    return out;
}

}  // namespace sallyport::diagnosis
