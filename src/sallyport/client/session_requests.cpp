#include <sallyport/client/session_impl.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {

net::task<outcome<proto::reply>> session::request(proto::verb verb, std::string path) {
    auto& me = *impl_;
    me.start_call(operation::list, fmt::format("changing {} at {}", path, me.location.authority()), path);
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    auto reply = co_await me.conn.request(verb, std::move(path));
    if (!reply) co_return me.failed(std::move(reply.error()));
    me.has_mfmt = me.has_mfmt || (verb == verb::mfmt && reply->positive());
    co_return std::move(*reply);
}

bool session::set_time_later(const std::string& path, std::int64_t seconds) {
    auto& me = *impl_;
    if (!me.pipelines || !me.has_mfmt || !is_usable()) return false;
    me.conn.send_later(verb::mfmt, proto::format_time(seconds) + ' ' + path);
    return true;
}

net::task<outcome<std::string>> session::absolute(std::string path) {
    auto& me = *impl_;
    me.start_call(operation::list, "querying the login directory at " + me.location.authority(), path);
    if (path.starts_with('/')) co_return path;
    auto start = co_await me.working_directory.start();
    if (!start) co_return me.failed(std::move(start.error()));
    if (!start->starts_with('/')) co_return path;
    if (!path.empty() && !start->ends_with('/')) *start += '/';
    co_return *start + path;
}

net::task<outcome<proto::reply>> session::apply(change what) {
    auto& me = *impl_;
    me.start_call(operation::change, fmt::format("{} at {}", what.action, me.location.authority()), what.path);
    if (auto failed_step = co_await me.working_directory.leave(what.path)) co_return me.failed(std::move(*failed_step));
    proto::reply last;
    for (auto& each : what.commands) {
        auto reply = co_await me.conn.request(each.verb, std::move(each.argument));
        if (!reply) co_return me.failed(std::move(reply.error()));
        if (reply->transient() || reply->permanent())
            co_return me.failed(proto::failure_at(step::request, error{errc::rejected, 0, proto::summary(*reply)}, &*reply));
        last = std::move(*reply);
    }
    co_return last;
}

net::task<outcome<proto::entry>> session::stat(std::string path) {
    auto& me = *impl_;
    me.start_call(operation::list, fmt::format("querying {} at {}", path, me.location.authority()), path);
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    auto answer = co_await query_entry(me.conn, path);
    if (answer.failure) co_return me.failed(std::move(*answer.failure));
    if (answer.file) co_return std::move(*answer.file);
    const auto refusal = me.conn.facts().last_reply();
    if (!answer.has_directories) {
        // SIZE and MDTM know no directories.
        auto refused = co_await me.working_directory.enter(path);
        if (refused && refused->at != step::request) co_return me.failed(std::move(*refused));
        if (!refused) {
            proto::entry found;
            found.name = last_component(path);
            found.type = proto::entry_type::directory;
            co_return found;
        }
    }
    co_return me.failed(proto::failure_at(step::request, error{errc::rejected, 0, proto::summary(refusal)}, &refusal));
}

net::task<outcome<proto::reply>> session::quote(std::string directory, std::string name, std::string argument) {
    auto& me = *impl_;
    me.start_call(operation::change, fmt::format("sending {} to {}", name, me.location.authority()), directory);
    if (!directory.empty())
        if (auto refused = co_await me.working_directory.enter(directory)) co_return me.failed(std::move(*refused));
    auto reply = co_await me.conn.named_request(std::move(name), std::move(argument));
    if (!reply) co_return me.failed(std::move(reply.error()));
    co_return std::move(*reply);
}

}  // namespace sallyport::client
