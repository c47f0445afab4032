#include <sallyport/client/directory.hpp>

#include <utility>

#include <sallyport/proto/working_directory.hpp>

namespace sallyport::client {

using proto::client_failure;
using proto::client_step;
using proto::verb;

net::task<std::expected<std::string, client_failure>> directory::start() {
    if (!start_queried_) {
        const auto reply = co_await connection_.request(verb::pwd, {});
        if (!reply) co_return std::unexpected(reply.error());
        start_ = proto::quoted_path(*reply);
        start_queried_ = true;
    }
    co_return start_;
}

net::task<std::optional<client_failure>> directory::enter(std::string path) {
    const auto from = co_await start();
    if (!from) co_return from.error();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const auto reply = co_await connection_.command(verb::cwd, std::move(path), {});
    if (!reply) co_return reply.error();
    changed_ = true;
    co_return std::nullopt;
}

net::task<std::optional<client_failure>> directory::leave(std::string next_path) {
    if (!changed_ || next_path.starts_with('/')) co_return std::nullopt;
    if (start_.empty())
        co_return client_failure{
            client_step::request,
            {errc::unsupported, 0,
             "the server did not report its start directory (PWD), so relative paths cannot be used after a listing"}};
    const auto reply = co_await connection_.command(verb::cwd, start_, {});
    if (!reply) co_return reply.error();
    changed_ = false;
    co_return std::nullopt;
}

}  // namespace sallyport::client
