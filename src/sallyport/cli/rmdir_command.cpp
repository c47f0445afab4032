// sallyport rmdir: removes empty directories of a server.

#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::cli {
namespace {

net::task<> remove_empty_directory(client::pool& on, const named_entry& entry, entry_result& result) {
    auto removed = co_await client::remove_directory(on, entry.path);
    result.add(entry.path, std::move(removed));
}

int run_rmdir(const entry_options& entries) {
    entry_result result;
    result.command = "rmdir";
    return run_on_entries(result, entries, [&](client::pool& on, const named_entry& entry) {
        return remove_empty_directory(on, entry, result);
    });
}

}  // namespace

void add_rmdir_command(CLI::App& app, int& exit_code) {
    auto entries = std::make_shared<entry_options>();
    CLI::App* command = app.add_subcommand("rmdir", "Remove empty directories of a server");
    command_table table;
    table.add("Arguments", {entries->url_row()});
    entries->add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, entries->connection, exit_code, [entries] { return run_rmdir(*entries); });
}

}  // namespace sallyport::cli
