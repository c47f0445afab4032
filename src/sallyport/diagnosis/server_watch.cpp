#include <sallyport/diagnosis/server_watch.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include <sallyport/diagnosis/path.hpp>
#include <sallyport/diagnosis/readable_json.hpp>
#include <sallyport/diagnosis/rule_support.hpp>

namespace sallyport::diagnosis {

namespace {

namespace json = boost::json;

constexpr auto state_names = std::to_array<std::string_view>({"half-open", "connecting", "established"});
// A run of a client has some dozens; a busy server may have many others meanwhile.
constexpr std::size_t max_connections = 100'000;
constexpr std::int64_t version = 1;

[[nodiscard]] std::optional<endpoint> endpoint_in(const json::object& from, std::string_view key) {
    const auto* const value = from.if_contains(key);
    const auto* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::nullopt : endpoint::parse({text->data(), text->size()});
}

[[nodiscard]] std::optional<std::int64_t> number_in(const json::object& from, std::string_view key) {
    const auto* const value = from.if_contains(key);
    if (value == nullptr || !value->is_int64() || value->get_int64() < 0) return std::nullopt;
    return value->get_int64();
}

[[nodiscard]] std::optional<watched_connection> connection_from(const json::value& from) {
    const auto* const object = from.if_object();
    if (object == nullptr) return std::nullopt;
    const auto local = endpoint_in(*object, "local");
    const auto remote = endpoint_in(*object, "remote");
    const auto ms = number_in(*object, "ms");
    const auto* const state = object->if_contains("state");
    if (!local || !remote || !ms || state == nullptr || !state->is_string()) return std::nullopt;
    const std::string_view text(state->get_string().data(), state->get_string().size());
    const auto* const known = std::ranges::find(state_names, text);
    if (known == state_names.end()) return std::nullopt;
    return watched_connection{*local, *remote, static_cast<connection_state>(known - state_names.begin()), *ms};
}

// ---- Joining

std::string date_of(std::int64_t seconds) {
    const std::time_t at = seconds;
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(at));
}

/// Why the two files cannot be of the same time; empty if they can.
[[nodiscard]] std::string time_between(const facts& client, const server_watch& server) {
    if (!client.times.are_known()) return {};
    const auto ended = server.started + (server.ms + 999) / 1000;
    if (client.times.started <= ended + max_clock_difference && client.times.ended + max_clock_difference >= server.started)
        return {};
    return fmt::format(
        "the files are of different times: the client's run was from {} to {}, and the server was watched from "
        "{} to {}; make both at the same time, or set the clocks of both hosts",
        date_of(client.times.started), date_of(client.times.ended), date_of(server.started), date_of(ended));
}

/// The addresses from which this client may have come: those of control connections to its port.
[[nodiscard]] std::vector<ip_address> sources_of(const facts& client, const server_watch& server) {
    std::vector<ip_address> out;
    for (const auto& c : server.connections)
        if (c.local.port == client.server.port && c.state == connection_state::established) out.push_back(c.remote.address);
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

/// The best state of a connection of these sources to the passive port, or from this host to the client's port.
[[nodiscard]] const watched_connection* find_connection(const method_facts& m, const std::vector<ip_address>& sources,
                                                        const server_watch& server) {
    const watched_connection* best = nullptr;
    for (const auto& c : server.connections) {
        const auto port = is_active(m.method) ? c.remote.port : c.local.port;
        if (port != m.target->port || !std::ranges::binary_search(sources, c.remote.address)) continue;
        if (best == nullptr || c.state > best->state) best = &c;
    }
    return best;
}

/// The server's router may translate port numbers, which the client does not see.
[[nodiscard]] const watched_connection* half_open_elsewhere(const facts& client, const std::vector<ip_address>& sources,
                                                            const server_watch& server) {
    const auto found = std::ranges::find_if(server.connections, [&](const watched_connection& c) {
        return c.state == connection_state::half_open && c.local.port != client.server.port &&
               std::ranges::binary_search(sources, c.remote.address);
    });
    return found == server.connections.end() ? nullptr : &*found;
}

void join_passive(const facts& client, const method_facts& m, const watched_connection* seen,
                  const std::vector<ip_address>& sources, const server_watch& server, std::vector<verdict>& out) {
    const auto port = m.target->port;
    if (seen != nullptr && seen->state == connection_state::half_open) {
        std::erase_if(out, [](const verdict& v) { return v.id.starts_with("data-ports-") || v.id == "one-method-blocked"; });
        auto found = verdict_of("answers-lost", side::undecided, confidence::certain);
        found.method = m.method;
        found.evidence.push_back(
            fmt::format("the SYN to port {} has arrived at the server from {}, and its answer has not arrived at the client",
                        port, seen->remote.address.text()));
        out.insert(out.begin(), std::move(found));
        return;
    }
    if (seen != nullptr) return;
    if (const auto* const other = half_open_elsewhere(client, sources, server)) {
        auto lost = verdict_of("answers-lost", side::undecided, confidence::likely);
        lost.method = m.method;
        lost.evidence.push_back(
            fmt::format("a connection of the client to port {} stayed half open at the server; the router "
                        "may translate port {} to it",
                        other->local.port, port));
        out.insert(out.begin(), std::move(lost));
        return;
    }
    auto& found = verdict_about_ports(out, "data-ports-dropped");
    found.evidence.push_back(fmt::format("no SYN to port {} has arrived at the TCP of the server's host", port));
    // A filter on the way back looks the same at the client. It is improbable now, and not excluded: the host's TCP keeps no
    // trace of a SYN to a port without a listener, to which a router that translates port numbers may have sent it, and the
    // RST may be lost.
    const auto at = find_break(client);
    // The first hop is the client's router, which may drop the SYN when it arrives there or before it leaves.
    if (!at || !at->maybe_way_back || at->hop.first <= 1) return;
    found.side = side::server;
    found.confidence = confidence::likely;
    found.remedy = fmt::format(
        "Server's administrator: allow the passive port range (port {} here) in the firewall of the server's host "
        "and of its router, and forward it to the server. 'sallyport doctor --server' shows rules of the host.",
        port);
}

void join_active(const method_facts& m, const watched_connection* seen, std::vector<verdict>& out) {
    auto& found = verdict_about_ports(out, "active-blocked");
    if (seen == nullptr) {
        found.side = side::server;
        found.confidence = confidence::likely;
        found.evidence.push_back(fmt::format("the server's host has sent no SYN to port {} of the client", m.target->port));
        return;
    }
    if (seen->state != connection_state::connecting) return;
    found.evidence.push_back(fmt::format("the server's TCP has sent SYNs to {}, without an answer", seen->remote.text()));
}

}  // namespace

std::string_view name(connection_state s) noexcept { return state_names[static_cast<std::size_t>(s)]; }

void server_watch::add(const endpoint& local, const endpoint& remote, connection_state state, std::int64_t at) {
    // From the end: a connection that is seen again was added a short time ago.
    const auto found = std::find_if(connections.rbegin(), connections.rend(),
                                    [&](const watched_connection& c) { return c.local == local && c.remote == remote; });
    if (found != connections.rend()) {
        found->state = std::max(found->state, state);
        return;
    }
    if (connections.size() >= max_connections) connections.erase(connections.begin());
    connections.push_back({local, remote, state, at});
}

std::string to_json(const server_watch& seen) {
    json::array all;
    for (const auto& c : seen.connections)
        all.push_back({{"local", c.local.text()}, {"remote", c.remote.text()}, {"state", name(c.state)}, {"ms", c.ms}});
    return readable_json(json::object{
        {"sallyport_doctor_watch", version}, {"started", seen.started}, {"ms", seen.ms}, {"connections", std::move(all)}});
}

result<server_watch> server_watch_from_json(std::string_view text) {
    boost::system::error_code why;
    const auto parsed = json::parse(text, why);
    if (why) return fail(errc::syntax, "not a JSON text");
    const auto* const object = parsed.if_object();
    const auto number = object == nullptr ? std::nullopt : number_in(*object, "sallyport_doctor_watch");
    if (!number) return fail(errc::unsupported, "not written by 'sallyport doctor --watch --save'");
    if (*number != version) return fail(errc::unsupported, "written by another version of Sallyport");
    const auto started = number_in(*object, "started");
    const auto ms = number_in(*object, "ms");
    const auto* const all = object->if_contains("connections");
    if (!started || !ms || all == nullptr || !all->is_array()) return fail(errc::syntax, "a missing or wrong entry");
    if (*started > max_time || *ms > max_time) return fail(errc::syntax, "a time after the year 9999");
    if (all->get_array().size() > max_connections) return fail(errc::too_long, "more connections than a watch has");
    server_watch out{*started, *ms, {}};
    for (const auto& each : all->get_array()) {
        const auto read = connection_from(each);
        if (!read) return fail(errc::syntax, "a connection with a missing or wrong entry");
        out.connections.push_back(*read);
    }
    return out;
}

result<std::vector<verdict>> join(const facts& client, const server_watch& server) {
    if (const auto apart = time_between(client, server); !apart.empty()) return fail(errc::not_found, apart);
    const auto sources = sources_of(client, server);
    if (sources.empty())
        return fail(errc::not_found,
                    fmt::format("no control connection to port {} was seen during the watch: run 'doctor --watch' on the "
                                "server's host while 'doctor URL' runs at the client",
                                client.server.port));
    auto out = judge(client);
    for (const bool active : {false, true}) {
        // One attempt is enough: the second one has the same cause.
        const auto found = std::ranges::find_if(client.methods, [&](const method_facts& m) {
            return is_active(m.method) == active && m.result == method_result::silent && m.target;
        });
        if (found == client.methods.end()) continue;
        const auto* const seen = find_connection(*found, sources, server);
        if (active)
            join_active(*found, seen, out);
        else
            join_passive(client, *found, seen, sources, server, out);
    }
    sort_by_weight(out);
    return out;
}

}  // namespace sallyport::diagnosis
