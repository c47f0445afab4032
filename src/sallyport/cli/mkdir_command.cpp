// sallyport mkdir: makes directories on a server.

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::cli {
namespace {

struct mkdir_job {
    entry_options entries;
    bool parents = false;
};

std::string without_final_slashes(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

net::task<> make_one_directory(client::pool& on, const named_entry& entry, bool parents, entry_result& result) {
    const auto path = without_final_slashes(entry.path);
    if (!parents) {
        auto made = co_await client::apply_change(on, client::making(path));
        result.add(path, std::move(made));
        co_return;
    }
    auto refused = co_await client::make_directories(on, client::directories_of(path));
    if (refused.empty()) ++result.done;
    add_failures(result.problems, std::move(refused));
}

int run_mkdir(const mkdir_job& job) {
    entry_result result;
    result.command = "mkdir";
    return run_on_entries(result, job.entries, [&](client::pool& on, const named_entry& entry) {
        return make_one_directory(on, entry, job.parents, result);
    });
}

}  // namespace

void add_mkdir_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<mkdir_job>();
    // A name that does not exist yet cannot match a pattern.
    job->entries.no_glob = true;
    CLI::App* command = app.add_subcommand("mkdir", "Make directories on a server");
    command_table table;
    table.add("Arguments",
              {{"URL", "", required(texts(job->entries.urls)), fmt::format("The directory: {}", location_forms)}});
    table.add("Directories",
              {{"-p,--parents", "", flag(job->parents), "Also make missing parents; a directory that exists is no error"}});
    job->entries.connection.add_to(table);
    job->entries.connection.add_mapping_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->entries.connection, exit_code, [job] { return run_mkdir(*job); });
}

}  // namespace sallyport::cli
