#include <sallyport/cli/put_many.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/many_result.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/local_tree.hpp>
#include <sallyport/client/mirror_plan.hpp>
#include <sallyport/client/remote_change.hpp>
#include <sallyport/client/remote_tree.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;
using client::join_path;
using shared_tree = std::shared_ptr<const client::local_tree>;

struct put_plan {
    many_progress& shown;
    many_result& result;
    const std::string& only_name;
    std::uint64_t max_size = 0;
    /// Names must not be those of partial files.
    bool temp_names = false;
    /// The server chooses the names.
    bool unique = false;
    std::size_t too_large = 0;
    std::size_t skipped = 0;
    /// On the server, below the directory of the URL, parents first.
    std::vector<std::string> directories;
    /// `remote` is below the directory of the URL.
    std::vector<client::transfer> transfers;
    std::set<std::string> names;
    /// One for all files of a directory, as each needs descriptors.
    std::map<std::string, shared_tree> trees;

    void add_problem(const std::string& name, error why) {
        result.problems.push_back({name, client::failure::of_local_file(std::move(why), "reading " + name)});
    }
    void add_file(const shared_tree& tree, const std::string& local, const std::string& remote, std::uint64_t size) {
        if (max_size != 0 && size > max_size) {
            ++too_large;
            return;
        }
        const auto whole = client::whole_of_part(remote);
        if (temp_names && (names.contains(remote + ".part") || (!whole.empty() && names.contains(whole))))
            return add_problem(
                tree->shown(local),
                error{errc::exists, 0,
                      fmt::format("{} and another file cannot be uploaded together with --temp-name, which uses "
                                  "the name FILE.part; upload it on its own",
                                  remote)});
        if (!names.insert(remote).second && !unique) {
            const auto shown_name = tree->shown(local);
            return add_problem(shown_name,
                               error{errc::exists, 0,
                                     fmt::format("another file is uploaded as {}; upload {} on its own, to a URL "
                                                 "with another name",
                                                 remote, shown_name)});
        }
        client::transfer one;
        one.way = client::direction::upload;
        one.remote = remote;
        one.local = local;
        one.tree = tree;
        transfers.push_back(std::move(one));
        shown.bytes += size;
        ++shown.files;
    }
};

result<shared_tree> open_tree(const std::string& path) {
    auto tree = client::local_tree::open(path.empty() ? "." : path, false);
    if (!tree) return std::unexpected(std::move(tree.error()));
    return std::make_shared<const client::local_tree>(std::move(*tree));
}

/// Everything below a local directory; links are not followed.
void plan_directory(put_plan& plan, const shared_tree& tree, const std::string& remote) {
    auto all = tree->list_all({});
    for (auto& p : all.problems) plan.add_problem(tree->shown(p.path), std::move(p.why));
    std::set<std::string> unlisted;
    for (const auto& p : all.problems) unlisted.insert(p.path);
    if (!remote.empty() && !unlisted.contains("")) plan.directories.push_back(remote);
    for (const auto& e : all.entries) {
        auto at = join_path(remote, e.path);
        if (e.facts.type == vfs::file_type::file)
            plan.add_file(tree, e.path, at, e.facts.size);
        else if (e.facts.type != vfs::file_type::directory)
            ++plan.skipped;
        else if (!unlisted.contains(e.path))
            plan.directories.push_back(std::move(at));
    }
}

/// One argument. A link that the user names is followed.
void plan_argument(put_plan& plan, const std::string& argument, bool recursive) {
    std::error_code failed;
    const auto real = fs::canonical(argument, failed);
    if (failed) return plan.add_problem(argument, error{from_errno(failed.value()), failed.value(), argument});
    const bool is_directory = fs::is_directory(real, failed);
    if (is_directory && !recursive)
        return plan.add_problem(argument,
                                error{errc::is_a_directory, 0, argument + " is a directory; add --recursive to upload it"});
    const auto root = is_directory ? argument : real.parent_path().string();
    auto& tree = plan.trees[root];
    if (!tree) {
        auto opened = open_tree(root);
        if (!opened) return plan.add_problem(argument, opened.error());
        tree = std::move(*opened);
    }
    if (is_directory) return plan_directory(plan, tree, argument.ends_with('/') ? "" : real.filename().string());
    const auto size = fs::file_size(real, failed);
    plan.add_file(tree, real.filename().string(),
                  plan.only_name.empty() ? fs::path(argument).filename().string() : plan.only_name, failed ? 0 : size);
}

net::task<> put_on_site(client::pool& on, put_plan& plan, const put_many_job& job) {
    auto base = co_await client::absolute_path(on, job.location.path);
    if (!base) {
        plan.result.problems.push_back({job.location.text(), std::move(base.error())});
        co_return;
    }
    std::vector<std::string> directories;
    if (job.make_directories) directories = client::directories_of(*base);
    for (const auto& each : plan.directories) directories.push_back(join_path(*base, each));
    auto refused = co_await client::make_directories(on, std::move(directories));
    add_failures(plan.result.problems, std::move(refused));
    for (auto& each : plan.transfers) each.remote = join_path(*base, each.remote);
    const client::transfer_options how{.resume = job.resume,
                                       .keep_times = job.many.keep_times,
                                       .then_delete = job.many.then_delete,
                                       .temp_name = job.temp_name,
                                       .upload = job.mode};
    co_await client::run_transfers(on, plan.transfers, how, plan.shown.counters);
}

/// On standard output, one a line; the JSON object has them too.
void report_chosen_names(many_result& result, bool json) {
    for (const auto& t : result.transfers) {
        if (t.state != client::transfer_state::done) continue;
        if (t.stored_as.empty())
            result.warnings.push_back(t.tree->shown(t.local) + ": the server did not report the name that it chose");
        else if (!json)
            fmt::print("{}\n", display_text(t.stored_as));
    }
}

}  // namespace

int put_many(const put_many_job& job) {
    many_progress shown;
    many_result result;
    result.command = "put";
    put_plan plan{
        shown, result, job.name, job.many.max_size, job.temp_name, job.mode == client::upload_mode::unique, 0, 0, {},
        {},    {},     {}};
    for (const auto& each : job.files) plan_argument(plan, each, job.many.recursive);
    if (plan.too_large > 0)
        result.warnings.push_back(
            fmt::format("skipped {} larger than --max-size allows", status::with_plural(plan.too_large, "file")));
    if (plan.skipped > 0)
        result.warnings.push_back(fmt::format("skipped {}", plan.skipped == 1
                                                                ? "a link or special file"
                                                                : fmt::format("{} links and special files", plan.skipped)));
    if (!plan.transfers.empty() || !plan.directories.empty()) {
        const site_work work = [&plan, &job](client::pool& on) { return put_on_site(on, plan, job); };
        const auto run = run_on_site(job.location, &transfer_settings::connections, job.options, shown, work);
        if (!run) return report_error("put", run.error(), exit_status::usage);
        result.connections = *run;
    }
    result.transfers = std::move(plan.transfers);
    end_run(result, shown);
    if (job.many.keep_times && shown.counters.times_refused)
        result.warnings.emplace_back("the server does not let clients set times, so the copies have the time of the upload");
    add_transfer_warnings(result);
    if (job.mode == client::upload_mode::unique) report_chosen_names(result, job.options.json);
    return report(result, job.options);
}

}  // namespace sallyport::cli
