#include <sallyport/client/remote_change.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/client/glob.hpp>
#include <sallyport/client/local_tree.hpp>

namespace sallyport::client {

namespace {

using proto::verb;

/// Kept between the tries, so that another one goes on where the last one ended.
struct directory_making {
    std::vector<std::string> paths;
    std::size_t next = 0;
    std::vector<remote_problem> refused;
};

bool is_below(const std::string& path, const std::string& directory) { return path.starts_with(directory + '/'); }

void add_refusal(std::vector<remote_problem>& refused, const std::string& path, const proto::reply& reply) {
    // The refusal of the directory above is the cause.
    if (std::ranges::any_of(refused, [&](const auto& r) { return is_below(path, r.path); })) return;
    const error cause{errc::rejected, 0, proto::summary(reply)};
    refused.push_back({path, failure{step::request, cause, reply.code, "making " + path, {}}});
}

net::task<outcome<void>> make_on(session& on, directory_making& all) {
    for (; all.next < all.paths.size(); ++all.next) {
        const auto& path = all.paths[all.next];
        const auto reply = co_await on.request(verb::mkd, path);
        if (!reply) co_return std::unexpected(reply.error());
        bool exists = reply->positive();
        // A session whose paths are relative must not leave its directory; there, the uploads show what is missing.
        if (!exists && path.starts_with('/')) {
            const auto entered = co_await on.request(verb::cwd, path);
            if (!entered) co_return std::unexpected(entered.error());
            exists = entered->positive();
            if (!exists) add_refusal(all.refused, path, *reply);
        }
        // A directory that may not be entered exists, if there is one below it.
        if (exists) std::erase_if(all.refused, [&](const auto& r) { return is_below(path, r.path); });
    }
    co_return outcome<void>{};
}

net::task<outcome<void>> apply_on(session& on, change what) {
    const auto reply = co_await on.apply(std::move(what));
    if (!reply) co_return std::unexpected(reply.error());
    co_return outcome<void>{};
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

net::task<std::vector<remote_problem>> make_directories(pool& connections, std::vector<std::string> paths) {
    directory_making all{std::move(paths), 0, {}};
    if (all.paths.empty()) co_return std::move(all.refused);
    const pool::work work = [&all](session& on, int /*try_number*/) { return make_on(on, all); };
    auto made = co_await connections.run(work);
    if (!made) all.refused.push_back({all.paths[std::min(all.next, all.paths.size() - 1)], std::move(made.error())});
    co_return std::move(all.refused);
}

change making(const std::string& directory) { return {"making " + directory, directory, {{verb::mkd, directory}}}; }

change removing_file(const std::string& path, const std::string& why) {
    return {"removing " + path + why, path, {{verb::dele, path}}};
}

change removing_directory(const std::string& path) { return {"removing " + path, path, {{verb::rmd, path}}}; }

change renaming(const std::string& path, const std::string& to) {
    return {"renaming " + path + " to " + to, path, {{verb::rnfr, path}, {verb::rnto, to}}};
}

change changing_mode(const std::string& path, const std::string& mode) {
    return {"changing the mode of " + path, path, {{verb::site, "CHMOD " + mode + ' ' + path}}};
}

net::task<outcome<void>> apply_change(pool& connections, change what) {
    const pool::work work = [&what](session& on, int /*try_number*/) { return apply_on(on, what); };
    co_return co_await connections.run(work);
}

net::task<outcome<void>> remove_file(pool& connections, std::string path) {
    return apply_change(connections, removing_file(path));
}

net::task<outcome<void>> remove_directory(pool& connections, std::string path) {
    return apply_change(connections, removing_directory(path));
}

}  // namespace sallyport::client
