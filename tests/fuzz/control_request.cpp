// Requests on the control socket, and answers as "sallyport status" and others read them.
// - The answer to any request is one line: a JSON object, with an error unless the request is an object with a known
// command.
// - An answer that is no JSON object is an error.

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/ops/control.hpp>
#include <sallyport/ops/control_client.hpp>

#include "fuzz.hpp"

namespace {

namespace json = boost::json;
using namespace sallyport;
using sallyport::fuzz::check;

net::task<result<std::string>> echo(json::object request) {
    co_return json::serialize(json::object{{"lines", json::array{json::value(std::move(request))}}});
}
net::task<result<std::string>> refuse(std::string text) { co_return fail(errc::rejected, std::move(text)); }

net::task<> answer_into(std::shared_ptr<const ops::control_actions> actions, std::string request, std::string* into) {
    *into = co_await ops::answer_request(std::move(actions), std::move(request), std::nullopt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static net::loop_group loops(1);
    static const auto actions = std::make_shared<const ops::control_actions>(ops::control_actions{
        {"echo", [](const json::object& request) { return echo(request); }},
        {"refuse", [](const json::object& request) { return refuse(json::serialize(request)); }},
    });
    const std::string request(sallyport::fuzz::text_of(data, size));
    std::string answer;
    loops.run_until_done(answer_into(actions, request, &answer));
    check(answer.find('\n') == std::string::npos, "an answer is one line");
    const auto read = ops::read_control_answer(answer);
    check(read || read.error().code == errc::rejected, "an answer is an object");
    boost::system::error_code wrong;
    const auto parsed = json::parse(request, wrong);
    const bool echoed =
        !wrong && parsed.is_object() && parsed.get_object().contains("command") && parsed.at("command") == "echo";
    check(read.has_value() == echoed, "a request that is not understood is refused");
    (void)ops::read_control_answer(request);
    return 0;
}
