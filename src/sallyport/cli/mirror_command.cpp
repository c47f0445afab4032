// sallyport mirror: makes a directory on a server like a local one, or the other way.

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/many_result.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/mirror.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

struct mirror_job {
    client_options options;
    std::string source;
    std::string target;
    client::compare_by by = client::compare_by::time;
    bool remove = false;
    client::deletion_limit max_delete;
    bool dry_run = false;
    std::vector<std::string> include;
    std::vector<std::string> exclude;
};

result<void> parse_deletion_limit(const std::string& text, client::deletion_limit& into) {
    const bool is_part = text.ends_with('%');
    const auto number = parse_decimal(std::string_view(text).substr(0, text.size() - (is_part ? 1 : 0)), 1'000'000'000);
    if (!number || (is_part && *number > 100))
        return fail(errc::usage, "not a number of files; use one such as 500, or a part of the target's files such as 20%");
    into = {};
    if (is_part)
        into.percent = static_cast<double>(*number);
    else
        into.files = static_cast<std::size_t>(*number);
    return {};
}

std::string shown(std::string_view path) { return ::isatty(STDOUT_FILENO) == 1 ? escape(path) : std::string(path); }

void print_plan(const client::mirror_plan& plan) {
    for (const auto& path : plan.make_directories) fmt::print("make   {}/\n", shown(path));
    for (const auto& copy : plan.copies)
        fmt::print("copy   {} ({}, {} bytes)\n", shown(copy.path), name(copy.reason), copy.source.size.value_or(0));
    for (const auto& path : plan.remove_files) fmt::print("delete {}\n", shown(path));
    for (const auto& path : plan.remove_directories) fmt::print("delete {}/\n", shown(path));
    for (const auto& path : plan.part_names) fmt::print("skip   {} (the name of a partial file)\n", shown(path));
    for (const auto& path : plan.conflicts) fmt::print("skip   {} (a directory or link on one side only)\n", shown(path));
    fmt::print("{} to copy, {} to delete, {} unchanged\n", plan.copies.size(), plan.remove_files.size(), plan.unchanged);
}

std::string names_json(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& each : names) out += (out.empty() ? "" : ",") + json_string(each);
    return "[" + out + "]";
}

void print_plan_json(const client::mirror_plan& plan, exit_status status, bool dry_run) {
    std::string copies;
    for (const auto& copy : plan.copies)
        copies += fmt::format(R"({}{{"path":{},"reason":"{}","size":{}}})", copies.empty() ? "" : ",",
                              json_string(copy.path), name(copy.reason), copy.source.size.value_or(0));
    fmt::print(R"({{"ok":{},"exit_code":{},"dry_run":{},"make_directories":{},"copy":[{}],"delete_files":{},)"
               R"("delete_directories":{},"conflicts":{},"unchanged":{}}})",
               status == exit_status::ok, static_cast<int>(status), dry_run, names_json(plan.make_directories), copies,
               names_json(plan.remove_files), names_json(plan.remove_directories), names_json(plan.conflicts),
               plan.unchanged);
    fmt::print("\n");
}

/// The command while it runs.
struct mirror_run {
    const mirror_job& job;
    client::mirror_settings settings;
    many_progress progress;
    many_result result;
    std::optional<client::mirror_preparation> prepared;
    bool too_many_deletions = false;

    void add_conflicts() {
        for (const auto& path : prepared->plan.conflicts) {
            const error cause{errc::exists, 0,
                              path +
                                  ": a directory, link or special file on one side and something else on the other; "
                                  "rename one of them"};
            result.problems.push_back({path, client::failure::of_local_file(cause, {})});
        }
        for (const auto& path : prepared->plan.part_names) {
            const error cause{errc::exists, 0,
                              fmt::format("{} is where {} is downloaded to; leave one of them out with --exclude", path,
                                          client::whole_of_part(path))};
            result.problems.push_back({path, client::failure::of_local_file(cause, {})});
        }
    }
    void add_warnings() {
        const auto& plan = prepared->plan;
        if (plan.special > 0)
            result.warnings.push_back(
                fmt::format("skipped {}", plan.special == 1 ? "a link or special file"
                                                            : fmt::format("{} links and special files", plan.special)));
        add_listing_warnings(result.warnings, prepared->skipped_names, prepared->unrecognized_lines);
        if (prepared->keeps_extra_files)
            result.warnings.emplace_back("nothing was deleted, because a part of the source could not be listed");
    }
};

net::task<> mirror_site(client::pool& on, mirror_run& run) {
    auto prepared = co_await client::prepare_mirror(on, run.settings);
    if (!prepared) {
        run.result.problems.push_back({run.settings.remote, std::move(prepared.error())});
        co_return;
    }
    run.prepared = std::move(*prepared);
    const auto& plan = run.prepared->plan;
    run.too_many_deletions = !run.job.max_delete.allows(plan);
    // A listing that was cancelled has only a part of the source.
    if (run.job.dry_run || run.too_many_deletions || on.is_cancelled()) co_return;
    run.progress.files = plan.copies.size();
    for (const auto& copy : plan.copies) run.progress.bytes += copy.source.size.value_or(0);
    client::mirror_outcome out;
    co_await client::run_mirror(on, run.settings, *run.prepared, run.progress.counters, out);
    run.result.transfers = std::move(out.transfers);
    run.result.deleted = out.deleted;
    if (out.keeps_extra_files) run.result.warnings.emplace_back("nothing was deleted, because not all files were copied");
    add_failures(run.result.problems, std::move(out.problems));
}

int report_deletions(const mirror_run& run) {
    const auto& plan = run.prepared->plan;
    const error cause{errc::usage, 0,
                      fmt::format("{} of the target's {} would be deleted, which is more than --max-delete allows; "
                                  "nothing was changed. Look with --dry-run, then allow more with --max-delete",
                                  plan.remove_files.size(), status::with_plural(plan.target_files, "file"))};
    if (run.job.options.json) print_plan_json(plan, exit_status::too_many_deletions, run.job.dry_run);
    return report_error("mirror", cause, exit_status::too_many_deletions);
}

int report_run(mirror_run& run) {
    if (run.prepared) {
        if (run.too_many_deletions && run.job.dry_run && !run.job.options.json) print_plan(run.prepared->plan);
        if (run.too_many_deletions) return report_deletions(run);
        run.add_warnings();
        run.add_conflicts();
        add_failures(run.result.problems, std::move(run.prepared->problems));
        run.result.unchanged = run.prepared->plan.unchanged;
        if (run.job.dry_run && run.result.signal == 0) {
            if (!run.job.options.json) print_plan(run.prepared->plan);
            if (run.job.options.json) print_plan_json(run.prepared->plan, status_of(run.result), true);
            for (const auto& p : run.result.problems) fmt::print(stderr, "sallyport mirror: {}\n", failure_line(p.why));
            return static_cast<int>(status_of(run.result));
        }
    }
    return report(run.result, run.job.options);
}

/// The local side; nothing if a dry run would have to make it.
result<std::shared_ptr<const client::local_tree>> open_local(const mirror_job& job, bool upload) {
    const auto& path = upload ? job.source : job.target;
    auto tree = client::local_tree::open(path, !upload && !job.dry_run);
    if (!tree && !upload && job.dry_run && tree.error().code == errc::not_found) return nullptr;
    if (!tree) return std::unexpected(std::move(tree.error()));
    return std::make_shared<const client::local_tree>(std::move(*tree));
}

int run(const mirror_job& job) {
    const bool upload = is_location(job.target);
    if (is_location(job.source) == upload)
        return report_error(
            "mirror",
            error{errc::usage, 0,
                  "one of SOURCE and TARGET must be a URL or NAME:PATH of a site, and the other one a local directory"},
            exit_status::usage);
    if (!job.remove && (job.max_delete.files || job.max_delete.percent))
        return report_error("mirror", error{errc::usage, 0, "--max-delete limits --delete; add --delete, or remove it"},
                            exit_status::usage);
    auto location = parse_location(upload ? job.target : job.source);
    if (!location) return report_error("mirror", location.error(), exit_status::usage);
    if (location->ascii)
        return report_error("mirror", error{errc::usage, 0, "sizes cannot be compared with ;type=a; remove it"},
                            exit_status::usage);
    auto local = open_local(job, upload);
    if (!local) return report_error("mirror", local.error(), exit_status::local_file);
    mirror_run state{job,
                     {upload ? client::direction::upload : client::direction::download,
                      location->path,
                      std::move(*local),
                      client::name_filter(job.include, job.exclude),
                      {job.by, job.remove, !upload, !upload}},
                     {},
                     {},
                     std::nullopt};
    state.result.command = "mirror";
    const site_work work = [&state](client::pool& on) { return mirror_site(on, state); };
    const auto ran = run_on_site(*location, &transfer_settings::connections, job.options, state.progress, work);
    if (!ran) return report_error("mirror", ran.error(), exit_status::usage);
    state.result.connections = *ran;
    end_run(state.result, state.progress);
    add_transfer_warnings(state.result);
    return report_run(state);
}

}  // namespace

void add_mirror_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<mirror_job>();
    CLI::App* command = app.add_subcommand("mirror", "Copy what differs between a directory and one on a server");
    command_table table;
    table.add(
        "Arguments",
        {{"SOURCE", "", required(text(job->source)), "URL, NAME:PATH of a site, or local directory to copy from"},
         {"TARGET", "", required(text(job->target)), "Local directory, URL or NAME:PATH; it is made if it is missing"}});
    table.add("Selection",
              {{"--by", "size|time",
                choice(job->by, "way to compare",
                       choices<client::compare_by>{{"size", client::compare_by::size}, {"time", client::compare_by::time}}),
                "Copy files that differ in size, or in size or time"},
               {"--include", "PATTERN", texts(job->include), "Copy only files that match", "all"},
               {"--exclude", "PATTERN", texts(job->exclude), "Leave out files and directories that match", "none"}});
    table.add("Deleting", {{"--delete", "", flag(job->remove), "Delete files of TARGET that are not in SOURCE"},
                           {"--max-delete", "N|N%", single([into = &job->max_delete](const std::string& value) {
                                return parse_deletion_limit(value, *into);
                            }),
                            "Change nothing if more files would be deleted", "the larger of 100 and 10%, never all"}});
    table.add("Running", {{"--dry-run", "", flag(job->dry_run), "Print what would be done, and change nothing"}});
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    job->options.add_transfers_to(table, true);
    job->options.add_learning_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run(*job); });
}

}  // namespace sallyport::cli
