// sallyport rm: removes files, and directories with everything in them.

#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/client/remote_change.hpp>
#include <sallyport/client/remote_removal.hpp>

namespace sallyport::cli {
namespace {

struct rm_job {
    entry_options entries;
    bool recursive = false;
};

client::failure refusal_to_remove(const std::string& path, errc code, const std::string& why) {
    return {client::step::request, error{code, 0, why}, 0, "removing " + path, {}};
}

net::task<> remove_with_contents(client::pool& on, std::string path, entry_result& result) {
    if (path.find_first_not_of('/') == path.npos) {
        result.problems.push_back(
            {path,
             refusal_to_remove(path, errc::usage,
                               "the root of the server is never removed; name a directory, or a pattern such as '/*'")});
        co_return;
    }
    client::removal removed;
    co_await client::remove_tree(on, path, removed);
    result.done += removed.files + removed.directories;
    add_failures(result.problems, std::move(removed.problems));
    add_listing_warnings(result.warnings, removed.skipped_names, 0);
}

net::task<> remove_one_entry(client::pool& on, const named_entry& entry, bool recursive, entry_result& result) {
    if (recursive) {
        co_await remove_with_contents(on, entry.path, result);
    } else if (entry.facts && entry.facts->type == proto::entry_type::directory) {
        result.problems.push_back(
            {entry.path, refusal_to_remove(entry.path, errc::is_a_directory,
                                           "it is a directory; add --recursive to remove it with everything in it")});
    } else {
        auto removed = co_await client::remove_file(on, entry.path);
        result.add(entry.path, std::move(removed));
    }
}

int run_rm(const rm_job& job) {
    entry_result result;
    result.command = "rm";
    return run_on_entries(result, job.entries, [&](client::pool& on, const named_entry& entry) {
        return remove_one_entry(on, entry, job.recursive, result);
    });
}

}  // namespace

void add_rm_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<rm_job>();
    CLI::App* command = app.add_subcommand("rm", "Remove files of a server");
    command_table table;
    table.add("Arguments", {job->entries.url_row()});
    table.add("Removing",
              {{"-r,--recursive", "", flag(job->recursive), "Also remove directories, with everything in them"}});
    job->entries.add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->entries.connection, exit_code, [job] { return run_rm(*job); });
}

}  // namespace sallyport::cli
