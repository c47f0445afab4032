#include <sallyport/ops/control.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::ops {
namespace {

namespace json = boost::json;

std::string refusal(std::string_view reason) { return json::serialize(json::object{{"error", reason}}); }

/// The string value of `key` in the request; empty if there is none.
[[nodiscard]] std::string text_of(const json::object& request, std::string_view key) {
    const auto* const found = request.if_contains(key);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

[[nodiscard]] std::string answer_with(const std::string& line) {
    return json::serialize(json::object{{"lines", json::array{line}}});
}

constexpr std::string_view status_command = "status";

/// "kick session=mx1h7mu0-2"
[[nodiscard]] std::string text_of(const json::object& request) {
    auto out = text_of(request, "command");
    for (const auto& [key, value] : request)
        if (key != "command" && value.is_string())
            out += fmt::format(" {}={}", std::string_view(key), std::string_view(value.get_string()));
    return escape(out, 200);
}

void log_request(const json::object& request, std::optional<uid_t> user, const result<std::string>& answer) {
    log::info({}, fmt::format("Command \"{}\" of {}: {}", text_of(request),
                              user ? fmt::format("uid {}", *user) : std::string("an unknown user"),
                              answer ? std::string("done") : "refused, " + escape(answer.error().text(), 300)));
}

net::task<result<std::string>> refuse_change(std::string command) {
    co_return fail(errc::rejected,
                   fmt::format("this socket is read-only; \"{}\" needs the daemon's control socket", command));
}

net::task<result<std::string>> collect_status(net::loop* loop, net::worker_pool* disk, std::shared_ptr<status_source> from) {
    auto now = snapshot_of(*from);
    now.sessions = co_await from->service.collect_snapshot(*loop);
    now.penalties = from->service.sessions().list_login_penalties();
    // Ten thousand sessions are some megabytes of text, which would block a loop.
    auto work = [&now] { return json::serialize(status::status_json(now)); };
    co_return co_await net::offload(*disk, *loop, std::move(work));
}

net::task<result<std::string>> forgive(frontend::frontend* sessions, std::string address) {
    const auto parsed = ip_address::parse(address);
    if (!parsed) co_return fail(errc::syntax, fmt::format("\"{}\" is not an IP address", escape(address, 100)));
    if (!sessions->forgive(*parsed))
        co_return fail(errc::not_found,
                       fmt::format("{} has no login penalty; status --penalized lists those that have one", parsed->text()));
    co_return answer_with(fmt::format("{} may log in again", parsed->text()));
}

net::task<result<std::string>> kick(net::loop* loop, frontend::frontend* sessions, std::string id) {
    const bool found = co_await sessions->close_session(*loop, id);
    if (!found)
        co_return fail(errc::not_found,
                       fmt::format("no session has the id \"{}\"; status --sessions lists them", escape(id, 100)));
    log::info({.session = id}, "Session ended by the administrator");
    co_return answer_with(fmt::format("session {} ended", id));
}

net::task<result<std::string>> set_readiness(std::shared_ptr<status_source> of, bool ready, bool has_metrics) {
    if (!has_metrics)
        co_return fail(
            errc::rejected,
            "no load balancer can see it, as nothing answers /readyz; start this daemon with --metrics ADDRESS:PORT");
    if (of->stopping) co_return fail(errc::rejected, "this process is stopping, and stays not ready");
    of->drained = !ready;
    co_return answer_with(
        ready ? "/readyz is 200: load balancers may send new clients"
              : "/readyz is 503 until 'ready' or a restart: load balancers send no new clients; sessions go on");
}

}  // namespace

status::daemon_snapshot snapshot_of(const status_source& from) {
    const auto uptime = net::clock::now() - from.started;
    status::daemon_snapshot now{.name = from.name,
                                .pid = ::getpid(),
                                .uptime = std::chrono::duration_cast<std::chrono::seconds>(uptime),
                                .listening = from.service.endpoints(),
                                .draining = from.draining,
                                .ready = from.is_ready()};
    const auto& confined = from.confinement;
    now.confinement = {.user = confined.user,
                       .landlock = confined.landlock,
                       .ports = confined.ports,
                       .system_calls = confined.system_calls,
                       .missing = confined.missing};
    for (const auto& m : from.service.mappings()) {
        const auto remaining = std::chrono::duration_cast<std::chrono::seconds>(m.expires - net::clock::now());
        now.mappings.push_back({.local_port = m.local_port,
                                .is_v6 = m.is_v6,
                                .external = m.external,
                                .by = m.external ? std::string(reach::name(m.by)) : std::string(),
                                .remaining = std::max(remaining, std::chrono::seconds(0)),
                                .error = m.error});
    }
    now.backends = from.service.backend_status();
    now.counted = from.counters.read();
    now.log_lines_lost = log::lost();
    if (const auto end = from.certificate_end ? from.certificate_end() : std::nullopt) {
        const auto wall =
            std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
        now.certificate_remaining = std::chrono::seconds(*end) - wall;
    }
    if (const auto ports = from.service.passive_ports()) now.passive_ports = {ports->usable, ports->in_use};
    now.failed_data = from.service.failed_data_connections();
    now.failed_data_totals = from.service.failed_data_totals();
    return now;
}

net::task<std::string> answer_request(std::shared_ptr<const control_actions> actions, std::string request,
                                      std::optional<uid_t> user) {
    boost::system::error_code wrong;
    const auto parsed = json::parse(request, wrong);
    const auto* const object = wrong ? nullptr : parsed.if_object();
    const auto command = object == nullptr ? std::string() : text_of(*object, "command");
    if (command.empty()) co_return refusal("a request is a JSON object with a command, such as {\"command\": \"status\"}");
    const auto found = actions->find(command);
    if (found == actions->end()) co_return refusal(fmt::format("this daemon has no command \"{}\"", escape(command, 100)));
    const auto answer = co_await found->second(*object);
    if (command != status_command) log_request(*object, user, answer);
    co_return answer ? *answer : refusal(answer.error().text());
}

result<std::optional<control_socket>> open_control(net::loop& loop, const control_socket_location& location,
                                                   control_actions actions, bool takes_over) {
    if (location.place.path.empty()) {
        if (!location.reason_absent.empty()) log::info({}, fmt::format("No {}: {}", location.what, location.reason_absent));
        return std::nullopt;
    }
    auto shared = std::make_shared<const control_actions>(std::move(actions));
    auto opened = control_socket::open(
        loop, location.what, location.place,
        [shared](std::string request, std::optional<uid_t> user) {
            return answer_request(shared, std::move(request), user);
        },
        takes_over);
    if (opened) return std::optional(std::move(*opened));
    if (location.required) return std::unexpected(opened.error());
    log::info({}, fmt::format("No {}: {}", location.what, opened.error().text()));
    return std::nullopt;
}

control_actions read_only(const control_actions& all) {
    control_actions out;
    for (const auto& [name, action] : all) {
        if (name == status_command)
            out.emplace(name, action);
        else
            out.emplace(name, [name](const json::object&) { return refuse_change(name); });
    }
    return out;
}

control_action status_action(net::loop& loop, net::worker_pool& disk, std::shared_ptr<status_source> from) {
    return [&loop, &disk, from = std::move(from)](const json::object&) { return collect_status(&loop, &disk, from); };
}

control_action forgive_action(frontend::frontend& sessions) {
    return [&sessions](const json::object& request) { return forgive(&sessions, text_of(request, "address")); };
}

control_action readiness_action(std::shared_ptr<status_source> of, bool ready, bool has_metrics) {
    return [of = std::move(of), ready, has_metrics](const json::object&) { return set_readiness(of, ready, has_metrics); };
}

control_action kick_action(net::loop& loop, frontend::frontend& sessions) {
    return [&loop, &sessions](const json::object& request) { return kick(&loop, &sessions, text_of(request, "session")); };
}

}  // namespace sallyport::ops
