#include <sallyport/client/directory.hpp>

#include <utility>

#include <sallyport/proto/working_directory.hpp>

namespace sallyport::client {

using proto::client_failure;
using proto::client_step;
using proto::verb;

net::task<std::optional<client_failure>> request(conversation& talk, verb what, std::string argument) {
    talk.machine().begin_request(what, std::move(argument));
    co_await talk.carry_out(nullptr);
    co_return talk.machine().failure();
}

net::task<std::optional<client_failure>> directory::enter(std::string path) {
    if (!asked_) {
        if (auto what = co_await request(talk_, verb::pwd, {})) co_return what;
        start_ = proto::quoted_path(talk_.machine().last_reply());
        asked_ = true;
    }
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (auto what = co_await request(talk_, verb::cwd, std::move(path))) co_return what;
    const auto& said = talk_.machine().last_reply();
    if (!said.positive()) co_return client_failure{client_step::request, {errc::rejected, 0, summary(said)}, said.code};
    away_ = true;
    co_return std::nullopt;
}

net::task<std::optional<client_failure>> directory::leave(std::string next_path) {
    if (!away_ || next_path.starts_with('/')) co_return std::nullopt;
    if (start_.empty())
        co_return client_failure{
            client_step::request,
            {errc::unsupported, 0,
             "the server did not report its start directory (PWD), so relative paths cannot be used after a listing"}};
    if (auto what = co_await request(talk_, verb::cwd, start_)) co_return what;
    const auto& said = talk_.machine().last_reply();
    if (!said.positive()) co_return client_failure{client_step::request, {errc::rejected, 0, summary(said)}, said.code};
    away_ = false;
    co_return std::nullopt;
}

}  // namespace sallyport::client
