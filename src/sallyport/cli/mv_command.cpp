// sallyport mv: renames files and directories of a server, or moves them to another directory of it.

#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/cli/renaming.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/client/glob.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::cli {
namespace {

struct mv_job {
    entry_options entries;
    /// The URLs, then the target.
    std::vector<std::string> arguments;
};

/// One list of arguments, since the last one is the target.
option_value urls_and_target(std::vector<std::string>& into) {
    auto out = texts(into);
    out.repeatable = false;
    out.add = [add = std::move(out.add)](CLI::App& command, const std::string& /*name*/) { return add(command, "URL"); };
    return out;
}

net::task<> rename_entry(client::pool& on, const named_entry& entry, std::string target, entry_result& result) {
    const auto to = path_after_move(entry.path, target);
    auto renamed = co_await client::apply_change(on, client::renaming(entry.path, to));
    result.add(entry.path, std::move(renamed));
}

int refuse_mv(const std::string& why) { return report_error("mv", error{errc::usage, 0, why}, exit_status::usage); }

int run_mv(mv_job job) {
    if (job.arguments.size() < 2) return refuse_mv("the new name is missing; see 'sallyport mv --help'");
    const auto target = std::move(job.arguments.back());
    job.arguments.pop_back();
    if (target.find("://") != target.npos)
        return refuse_mv(
            "the target is a name or path on the server of the URL, not a URL; write it without the scheme and host");
    const bool several = job.arguments.size() > 1 || (!job.entries.no_glob && client::has_wildcards(job.arguments.front()));
    if (several && !target.ends_with('/')) return refuse_mv("several files need a directory as the target; end it with '/'");
    job.entries.urls = std::move(job.arguments);
    entry_result result;
    result.command = "mv";
    return run_on_entries(result, job.entries, [&](client::pool& on, const named_entry& entry) {
        return rename_entry(on, entry, target, result);
    });
}

}  // namespace

void add_mv_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<mv_job>();
    CLI::App* command = app.add_subcommand("mv", "Rename or move files of a server");
    command_table table;
    table.add(
        "Arguments",
        {{"URL... NAME", "", required(urls_and_target(job->arguments)),
          "Files (*, ?, [] and ** match names), and the new name: in the same directory, or a path from the root after "
          "'/'; a name that ends with '/' is a directory to move into"}});
    job->entries.add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->entries.connection, exit_code, [job] { return run_mv(*job); });
}

}  // namespace sallyport::cli
