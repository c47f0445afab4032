#include <sallyport/client/remote_change.hpp>

#include <utility>

#include <sallyport/client/glob.hpp>
#include <sallyport/client/local_tree.hpp>

namespace sallyport::client {

namespace {

using proto::verb;

/// `next` is kept by the caller, so that another try goes on where this one ended.
net::task<outcome<void>> make_on(session& on, const std::vector<std::string>& paths, std::size_t& next) {
    for (; next < paths.size(); ++next) {
        const auto reply = co_await on.request(verb::mkd, paths[next]);
        if (!reply) co_return std::unexpected(reply.error());
    }
    co_return outcome<void>{};
}

net::task<outcome<void>> request_on(session& on, verb what, const std::string& path) {
    const auto reply = co_await on.request(what, path);
    if (!reply) co_return std::unexpected(reply.error());
    if (reply->positive()) co_return outcome<void>{};
    co_return std::unexpected(
        failure{step::request, error{errc::rejected, 0, proto::summary(*reply)}, reply->code, "removing " + path, {}});
}

net::task<outcome<void>> request(pool& connections, verb what, std::string path) {
    const pool::work work = [what, &path](session& on, int /*try_number*/) { return request_on(on, what, path); };
    co_return co_await connections.run(work);
}

}  // namespace

std::vector<std::string> directories_of(const std::string& path) {
    std::vector<std::string> out;
    std::string now = path.starts_with('/') ? "/" : "";
    for (const auto& each : components_of(path)) {
        now = join_path(now, each);
        out.push_back(now);
    }
    return out;
}

net::task<outcome<void>> make_directories(pool& connections, std::vector<std::string> paths) {
    if (paths.empty()) co_return outcome<void>{};
    std::size_t next = 0;
    const pool::work work = [&paths, &next](session& on, int /*try_number*/) { return make_on(on, paths, next); };
    co_return co_await connections.run(work);
}

net::task<outcome<void>> remove_file(pool& connections, std::string path) {
    return request(connections, verb::dele, std::move(path));
}

net::task<outcome<void>> remove_directory(pool& connections, std::string path) {
    return request(connections, verb::rmd, std::move(path));
}

}  // namespace sallyport::client
