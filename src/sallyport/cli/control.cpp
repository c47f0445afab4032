#include <sallyport/cli/control.hpp>

#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/status/status_json.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;

std::string refusal(std::string_view why) { return json::serialize(json::object{{"error", why}}); }

net::task<std::string> answer(std::shared_ptr<const control_actions> actions, std::string request) {
    boost::system::error_code wrong;
    const auto asked = json::parse(request, wrong);
    const auto* words = wrong ? nullptr : asked.if_object();
    const auto* what = words == nullptr ? nullptr : words->if_contains("do");
    if (what == nullptr || !what->is_string()) co_return refusal("a request is {\"do\": WORD}");
    const auto found = actions->find(std::string_view(what->get_string()));
    if (found == actions->end())
        co_return refusal(fmt::format("this daemon can't {}", escape(std::string_view(what->get_string()), 100)));
    const auto said = co_await found->second(*words);
    co_return said ? *said : refusal(said.error().text());
}

net::task<result<std::string>> tell_status(daemon* host, std::shared_ptr<status_source> from) {
    status::daemon_snapshot now{
        .name = from->name,
        .pid = ::getpid(),
        .uptime = std::chrono::duration_cast<std::chrono::seconds>(net::clock::now() - from->begun),
        .listening = from->service.endpoints(),
        .draining = from->draining};
    now.sessions = co_await from->service.survey(host->loops().at(0));
    now.backends = from->service.backend_status();
    now.counted = from->counters.take();
    now.penalties = from->service.sessions().login_penalties();
    // Ten thousand sessions are some megabytes of text: not on a loop.
    auto work = [&now] { return json::serialize(status::status_json(now)); };
    co_return co_await net::offload(host->disk(), host->loops().at(0), std::move(work));
}

/// The text that a request has under `key`.
[[nodiscard]] std::string text_of(const json::object& request, std::string_view key) {
    const auto* const found = request.if_contains(key);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

[[nodiscard]] std::string answer_with(const std::string& line) {
    return json::serialize(json::object{{"lines", json::array{line}}});
}

net::task<result<std::string>> forgive(front::front* of, std::string address) {
    const auto parsed = ip_address::parse(address);
    if (!parsed) co_return fail(errc::syntax, fmt::format("\"{}\" is not an IP address", escape(address, 100)));
    if (!of->forgive(*parsed))
        co_return fail(errc::not_found,
                       fmt::format("{} has no login penalty; status --penalized lists those that have one", parsed->text()));
    log::info({}, fmt::format("Login penalty of {} removed by the administrator", parsed->text()));
    co_return answer_with(fmt::format("{} may log in again", parsed->text()));
}

net::task<result<std::string>> kick(daemon* host, front::front* of, std::string id) {
    const bool found = co_await of->end_session(host->loops().at(0), id);
    if (!found)
        co_return fail(errc::not_found,
                       fmt::format("no session has the id \"{}\"; status --sessions lists them", escape(id, 100)));
    log::info(id, "Session ended by the administrator");
    co_return answer_with(fmt::format("session {} ended", id));
}

}  // namespace

result<std::optional<front::control_socket>> open_control(daemon& host, const operation_options& operation,
                                                          std::string_view kind, control_actions actions, bool succeed) {
    const auto path = operation.control_path(kind);
    if (path.empty()) {
        if (operation.status_socket.empty())
            log::info({},
                      "no control socket: there is no place for one (XDG_RUNTIME_DIR is not set); name one by "
                      "--status-socket");
        return std::nullopt;
    }
    auto shared = std::make_shared<const control_actions>(std::move(actions));
    auto opened = front::control_socket::open(
        host.loops().at(0), path, [shared](std::string request) { return answer(shared, std::move(request)); }, succeed);
    if (opened) return std::optional(std::move(*opened));
    if (!operation.status_socket.empty()) return std::unexpected(opened.error());
    log::info({}, fmt::format("no control socket: {}", opened.error().text()));
    return std::nullopt;
}

control_action status_action(daemon& host, std::shared_ptr<status_source> from) {
    return [&host, from = std::move(from)](const json::object&) { return tell_status(&host, from); };
}

control_action forgive_action(front::front& of) {
    return [&of](const json::object& request) { return forgive(&of, text_of(request, "address")); };
}

control_action kick_action(daemon& host, front::front& of) {
    return [&host, &of](const json::object& request) { return kick(&host, &of, text_of(request, "session")); };
}

}  // namespace sallyport::cli
