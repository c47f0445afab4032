#include <sallyport/client/directory.hpp>

#include <utility>

namespace sallyport::client {

using proto::client_failure;
using proto::client_step;
using proto::verb;

namespace {

/// `257 "/a ""quoted"" name" is the current directory` (RFC 959 appendix II). Empty if the reply names none.
std::string named_directory(const proto::reply& r) {
    const std::string_view text = r.text();
    const auto open = text.find('"');
    if (r.code != 257 || open == std::string_view::npos) return {};
    std::string out;
    for (auto i = open + 1; i < text.size(); ++i) {
        if (text[i] != '"') {
            out += text[i];
        } else if (text.substr(i + 1).starts_with('"')) {
            out += text[i++];
        } else {
            return out;
        }
    }
    return {};
}

}  // namespace

net::task<std::optional<client_failure>> request(conversation& talk, verb what, std::string argument) {
    talk.machine().begin_request(what, std::move(argument));
    co_await talk.carry_out(nullptr);
    co_return talk.machine().failure();
}

net::task<std::optional<client_failure>> directory::enter(std::string path) {
    if (!asked_) {
        if (auto what = co_await request(talk_, verb::pwd, {})) co_return what;
        start_ = named_directory(talk_.machine().last_reply());
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
