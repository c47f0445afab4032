#include <sallyport/cli/get_many.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/many_result.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/local_tree.hpp>
#include <sallyport/client/mirror_plan.hpp>
#include <sallyport/client/remote_tree.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

using client::join_path;
using client::remote_entry;
using proto::entry_type;

/// What a command has to do on one site, and what has become of it.
struct get_plan {
    const get_many_job& job;
    std::shared_ptr<const client::local_tree> target;
    many_progress& shown;
    many_result& result;
    /// Of the local files, of all sites.
    std::set<std::string>& names;
    std::size_t links = 0;
    std::size_t directories = 0;
    std::size_t too_large = 0;
    std::vector<client::transfer> transfers;

    void add_problem(const std::string& name, client::failure why) { result.problems.push_back({name, std::move(why)}); }

    /// FILE is downloaded to FILE.part, so that another file cannot have this name at the same time.
    [[nodiscard]] bool has_part_with(const std::string& local) const {
        const auto whole = client::whole_of_part(local);
        return names.contains(local + ".part") || names.contains(local + ".part.from") ||
               (!whole.empty() && names.contains(whole));
    }

    void add_file(const std::string& remote, const std::string& local, std::optional<client::listed_file> listed) {
        if (listed && job.many.max_size != 0 && listed->size > job.many.max_size) {
            ++too_large;
            return;
        }
        if (has_part_with(local)) {
            const error cause{errc::exists, 0,
                              fmt::format("{} and another file cannot be saved together, because FILE is downloaded to "
                                          "FILE.part; get it on its own with -o FILE",
                                          local)};
            add_problem(remote, client::failure::of_local_file(cause, "getting " + remote));
            return;
        }
        if (!names.insert(local).second) {
            const error cause{errc::exists, 0,
                              fmt::format("another file is saved as {}; get them one by one with -o FILE", local)};
            add_problem(remote, client::failure::of_local_file(cause, "getting " + remote));
            return;
        }
        client::transfer one;
        one.remote = remote;
        one.local = local;
        one.tree = target;
        one.listed = listed;
        if (listed)
            shown.bytes += listed->size;
        else
            ++shown.unknown_sizes;
        transfers.push_back(std::move(one));
        ++shown.files;
    }

    /// The entries of the tree `root`, below `base`; if it is a file, that is its name.
    void add_tree(client::remote_listing& tree, const std::string& root, const std::string& base) {
        for (const auto& e : tree.entries) {
            const auto local = e.path == root && !base.empty() ? base : join_path(base, e.relative);
            switch (e.facts.type) {
                case entry_type::file: add_file(e.path, local, e.listed()); break;
                case entry_type::link: ++links; break;
                case entry_type::directory:
                    // An empty one is made too.
                    if (const auto made = target->make_directory(local); !made)
                        add_problem(e.path, client::failure::of_local_file(made.error(), "making " + local));
                    break;
                default: break;
            }
        }
        add_remarks(tree);
    }

    void add_remarks(client::remote_listing& tree) {
        add_failures(result.problems, std::move(tree.problems));
        add_listing_warnings(result.warnings, tree.skipped_names, tree.unrecognized_lines);
    }
};

/// A directory of the server with everything below it, or one file.
net::task<> plan_tree(client::pool& on, get_plan& plan, std::string path, std::string base) {
    const client::name_filter everything;
    auto tree = co_await client::read_tree(on, path, everything);
    if (tree)
        plan.add_tree(*tree, path, base);
    else
        plan.add_problem(path, std::move(tree.error()));
}

net::task<> plan_pattern(client::pool& on, get_plan& plan, std::string pattern) {
    auto found = co_await client::expand_pattern(on, pattern);
    if (!found) {
        const bool is_refused = found.error().at == client::step::request && found.error().reply_code / 100 == 5;
        // A directory that cannot be listed can still have the file with this name.
        if (is_refused && plan.job.urls.size() == 1)
            plan.add_file(pattern, pattern.substr(pattern.rfind('/') + 1), {});
        else
            plan.add_problem(pattern, std::move(found.error()));
        co_return;
    }
    for (const auto& e : found->entries) {
        if (e.facts.type == entry_type::directory && plan.job.many.recursive)
            co_await plan_tree(on, plan, e.path, e.relative);
        else if (e.facts.type == entry_type::directory)
            ++plan.directories;
        else
            plan.add_file(e.path, e.relative, e.listed());
    }
    if (found->entries.empty() && found->problems.empty()) {
        const error cause{errc::not_found, 0, "no file matches; list the directory with 'sallyport ls'"};
        plan.add_problem(pattern, {client::step::request, cause, 550, "getting " + pattern, {}});
    }
    plan.add_remarks(*found);
}

net::task<> plan_url(client::pool& on, get_plan& plan, const client::url& location) {
    const bool is_pattern = !plan.job.no_glob && client::has_wildcards(location.path);
    if (!is_pattern && !plan.job.many.recursive) {
        plan.add_file(location.path, plan.job.name.empty() ? std::string(location.file_name()) : plan.job.name, {});
        co_return;
    }
    auto path = co_await client::absolute_path(on, location.path);
    if (!path) {
        plan.add_problem(location.text(), std::move(path.error()));
        co_return;
    }
    if (is_pattern)
        co_await plan_pattern(on, plan, *path);
    else
        co_await plan_tree(on, plan, *path, std::string(location.file_name()));
}

client::transfer_options options_of(const get_many_job& job) {
    using client::existing_file;
    return {.resume = job.resume,
            .keep_times = job.many.keep_times,
            .existing = job.no_clobber ? existing_file::keep
                        : job.newer    ? existing_file::replace_by_newer
                                       : existing_file::replace,
            .then_delete = job.many.then_delete,
            .max_size = job.many.max_size,
            .segments = job.segments};
}

net::task<> get_from_site(client::pool& on, get_plan& plan, const std::vector<client::url>& urls) {
    for (const auto& each : urls) co_await plan_url(on, plan, each);
    if (plan.directories > 0)
        plan.result.warnings.push_back(
            fmt::format("skipped {}; add --recursive",
                        plan.directories == 1 ? "a directory" : fmt::format("{} directories", plan.directories)));
    if (plan.too_large > 0)
        plan.result.warnings.push_back(
            fmt::format("skipped {} larger than --max-size allows", status::with_plural(plan.too_large, "file")));
    if (plan.links > 0) plan.result.warnings.push_back(fmt::format("skipped {}", status::with_plural(plan.links, "link")));
    co_await client::run_transfers(on, plan.transfers, options_of(plan.job), plan.shown.counters);
}

}  // namespace

int get_many(const get_many_job& job) {
    auto target = client::local_tree::open(job.directory.empty() ? "." : job.directory, true);
    if (!target) return report_error("get", target.error(), exit_status::local_file);
    const auto shared_target = std::make_shared<const client::local_tree>(std::move(*target));
    many_progress shown;
    many_result result;
    result.command = "get";
    std::set<std::string> names;
    const auto sites = by_site(job.urls);
    for (const auto& urls : sites) {
        const connection_count connections = [&job](const transfer_settings& set) { return job.connections(set); };
        get_plan plan{job, shared_target, shown, result, names, 0, 0, 0, {}};
        const site_work work = [&plan, &urls](client::pool& on) { return get_from_site(on, plan, urls); };
        const auto run = run_on_site(urls.front(), connections, job.options, shown, work);
        if (!run && sites.size() == 1) return report_error("get", run.error(), exit_status::usage);
        if (!run) {
            // The files of the other sites have their results all the same.
            plan.add_problem(urls.front().text(), {client::step::login, run.error(), 0, {}, {}});
            continue;
        }
        result.connections = std::max(result.connections, *run);
        std::ranges::move(plan.transfers, std::back_inserter(result.transfers));
        if (shown.signal != 0) break;
    }
    end_run(result, shown);
    add_transfer_warnings(result);
    return report(result, job.options);
}

}  // namespace sallyport::cli
