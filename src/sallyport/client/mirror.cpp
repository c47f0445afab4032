#include <sallyport/client/mirror.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include <sallyport/client/lanes.hpp>
#include <sallyport/client/remote_change.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {

namespace {

using proto::entry_type;

constexpr std::int64_t seconds_of_minute = 60;
constexpr std::int64_t seconds_of_day = 86'400;

tree_entry entry_of(const remote_entry& e) {
    tree_entry out;
    out.is_directory = e.facts.type == entry_type::directory;
    out.is_special = !out.is_directory && e.facts.type != entry_type::file;
    if (e.facts.has_size) out.size = e.facts.size;
    if (e.facts.has_modified) out.modified = e.facts.modified;
    // LIST shows minutes, or for older files days only.
    if (!e.exact_time) out.precision = e.facts.modified % seconds_of_day == 0 ? seconds_of_day : seconds_of_minute;
    return out;
}

tree_listing listing_of(const remote_listing& remote) {
    tree_listing out;
    for (const auto& e : remote.entries) out.emplace(e.relative, entry_of(e));
    return out;
}

tree_entry entry_of(const vfs::status& s) {
    tree_entry out;
    out.is_directory = s.type == vfs::file_type::directory;
    out.is_special = !out.is_directory && s.type != vfs::file_type::file;
    out.size = s.size;
    out.modified = s.modified;
    return out;
}

tree_listing list_local(const local_tree& tree, const name_filter& wanted, std::vector<remote_problem>& problems) {
    auto all = tree.list_all(wanted);
    for (auto& p : all.problems) {
        auto name = tree.shown(p.path);
        problems.push_back({name, failure::of_local_file(std::move(p.why), "listing " + name)});
    }
    tree_listing out;
    for (auto& e : all.entries) out.emplace(std::move(e.path), entry_of(e.facts));
    return out;
}

bool is_missing(const failure& f) { return f.at == step::request && f.reply_code == 550; }

// ---- Times of LIST are those of the server's zone, which is not known

net::task<outcome<void>> exact_time_on(session& on, const std::string& path, tree_entry& entry) {
    const auto reply = co_await on.request(proto::verb::mdtm, path);
    if (!reply) co_return std::unexpected(reply.error());
    if (const auto time = time_in(*reply)) {
        entry.modified = time;
        entry.precision = 0;
    }
    co_return outcome<void>{};
}

net::task<> correct_time(pool& connections, std::string path, tree_entry& entry) {
    const pool::work what = [&path, &entry](session& on, int /*try_number*/) { return exact_time_on(on, path, entry); };
    // Without an answer, the time of the listing has to do.
    (void)co_await connections.run(what);
}

/// Asks for the exact times of those files that would be copied because of an inexact one.
net::task<> correct_times(pool& connections, const std::string& base, const mirror_plan& plan, tree_listing& remote) {
    std::vector<tree_listing::value_type*> all;
    for (const auto& copy : plan.copies) {
        const auto found = copy.reason == copy_reason::time ? remote.find(copy.path) : remote.end();
        if (found != remote.end() && found->second.precision > 0) all.push_back(&*found);
    }
    co_await run_each(connections.home(), connections.lanes(), all.size(), [&](std::size_t i) {
        return correct_time(connections, join_path(base, all[i]->first), all[i]->second);
    });
}

}  // namespace

net::task<outcome<mirror_preparation>> prepare_mirror(pool& connections, const mirror_settings& how) {
    mirror_preparation out;
    auto base = co_await absolute_path(connections, how.remote);
    if (!base) co_return std::unexpected(std::move(base.error()));
    out.remote = *base;
    const bool up = how.way == direction::upload;
    auto listed = co_await read_tree(connections, out.remote, how.wanted);
    out.remote_is_missing = !listed && up && is_missing(listed.error());
    if (!listed && !out.remote_is_missing) co_return std::unexpected(std::move(listed.error()));
    if (!listed) listed.emplace();
    if (listed->is_file) {
        const error cause{errc::not_a_directory, 0, "it is a file; mirror a directory, or copy the file with get or put"};
        co_return std::unexpected(failure{step::request, cause, 0, "mirroring " + out.remote, {}});
    }
    std::vector<remote_problem> local_problems;
    auto remote = listing_of(*listed);
    tree_listing local;
    if (how.local) local = list_local(*how.local, how.wanted, local_problems);
    auto settings = how.plan;
    const bool is_complete = up ? local_problems.empty() : listed->problems.empty() && listed->unrecognized_lines == 0;
    out.keeps_extra_files = std::exchange(settings.remove, settings.remove && is_complete) && !is_complete;
    out.skipped_names = listed->skipped_names;
    out.unrecognized_lines = listed->unrecognized_lines;
    const auto& source = up ? local : remote;
    const auto& target = up ? remote : local;
    out.plan = plan_mirror(source, target, settings);
    if (!listed->entries.empty() && !listed->entries.front().exact_time) {
        co_await correct_times(connections, out.remote, out.plan, remote);
        out.plan = plan_mirror(source, target, settings);
    }
    out.problems = std::move(listed->problems);
    std::ranges::move(local_problems, std::back_inserter(out.problems));
    co_return out;
}

// ---- Acting

namespace {

net::task<> make_target_directories(pool& connections, const mirror_settings& how, const mirror_preparation& prepared,
                                    mirror_outcome& out) {
    if (how.way == direction::download) {
        for (const auto& path : prepared.plan.make_directories)
            if (const auto made = how.local->make_directory(path); !made)
                out.problems.push_back({path, failure::of_local_file(made.error(), "making " + path)});
        co_return;
    }
    std::vector<std::string> paths;
    if (prepared.remote_is_missing) paths = directories_of(prepared.remote);
    for (const auto& path : prepared.plan.make_directories) paths.push_back(join_path(prepared.remote, path));
    auto refused = co_await make_directories(connections, std::move(paths));
    std::ranges::move(refused, std::back_inserter(out.problems));
}

net::task<outcome<void>> remove_one(pool& connections, const mirror_settings& how, std::string base, std::string path,
                                    bool is_directory) {
    if (how.way == direction::upload) {
        auto removing = is_directory ? remove_directory(connections, join_path(base, path))
                                     : remove_file(connections, join_path(base, path));
        co_return co_await std::move(removing);
    }
    const auto removed = is_directory ? how.local->remove_directory(path) : how.local->remove_file(path);
    if (!removed) co_return std::unexpected(failure::of_local_file(removed.error(), "deleting " + path));
    co_return outcome<void>{};
}

net::task<> remove_extra_file(pool& connections, const mirror_settings& how, const mirror_preparation& prepared,
                              const std::string& path, mirror_outcome& out) {
    if (connections.is_cancelled()) co_return;
    auto removed = co_await remove_one(connections, how, prepared.remote, path, false);
    if (removed)
        ++out.deleted;
    else
        out.problems.push_back({path, std::move(removed.error())});
}

net::task<> remove_extra(pool& connections, const mirror_settings& how, const mirror_preparation& prepared,
                         mirror_outcome& out) {
    const auto& files = prepared.plan.remove_files;
    co_await run_each(connections.home(), connections.lanes(), files.size(),
                      [&](std::size_t i) { return remove_extra_file(connections, how, prepared, files[i], out); });
    // In order, since each has to be empty.
    for (const auto& path : prepared.plan.remove_directories) {
        if (connections.is_cancelled()) break;
        auto removed = co_await remove_one(connections, how, prepared.remote, path, true);
        // What is excluded may still be in it.
        if (!removed && how.wanted.is_everything()) out.problems.push_back({path, std::move(removed.error())});
    }
}

bool is_complete(const std::vector<transfer>& all) {
    return std::ranges::all_of(
        all, [](const auto& t) { return t.state == transfer_state::done || t.state == transfer_state::skipped; });
}

transfer transfer_of(const planned_copy& copy, const mirror_settings& how, const std::string& base) {
    transfer one;
    one.way = how.way;
    one.remote = join_path(base, copy.path);
    one.local = copy.path;
    one.tree = how.local;
    if (how.way == direction::download && copy.source.size) {
        one.listed = listed_file{*copy.source.size, std::nullopt};
        if (copy.source.precision == 0) one.listed->modified = copy.source.modified;
    }
    return one;
}

}  // namespace

net::task<> run_mirror(pool& connections, const mirror_settings& how, const mirror_preparation& prepared,
                       transfer_counters& counters, mirror_outcome& out) {
    for (const auto& copy : prepared.plan.copies) out.transfers.push_back(transfer_of(copy, how, prepared.remote));
    co_await make_target_directories(connections, how, prepared, out);
    co_await run_transfers(connections, out.transfers, {.resume = how.way == direction::download, .keep_times = true},
                           counters);
    // A file that was renamed must not be lost because its copy failed.
    const auto& plan = prepared.plan;
    out.keeps_extra_files =
        how.plan.remove && !(is_complete(out.transfers) && plan.conflicts.empty() && plan.part_names.empty());
    if (!out.keeps_extra_files) co_await remove_extra(connections, how, prepared, out);
}

}  // namespace sallyport::client
