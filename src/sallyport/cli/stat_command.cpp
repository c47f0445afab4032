// sallyport stat: prints type, size and time of files and directories of a server.

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/utc_text.hpp>

namespace sallyport::cli {
namespace {

net::task<client::outcome<void>> stat_on(client::session& on, const std::string& path, proto::entry& into) {
    auto got = co_await on.stat(path);
    if (!got) co_return std::unexpected(std::move(got.error()));
    into = std::move(*got);
    co_return client::outcome<void>{};
}

void print_stat(const std::string& path, const proto::entry& e) {
    fmt::print("{}\n  type      {}\n", display_text(path), type_name(e.type));
    if (e.has_size && e.type != proto::entry_type::directory) fmt::print("  size      {}\n", e.size);
    if (e.has_modified) fmt::print("  modified  {}\n", iso_time(e.modified));
    if (!e.perm.empty()) fmt::print("  rights    {}\n", display_text(e.perm));
}

std::string stat_json(const std::string& path, const client::url& location, const proto::entry& e) {
    return fmt::format(R"({{"url":{},{},"rights":{}}})", json_string(location.text()), entry_members(path, e),
                       e.perm.empty() ? "null" : json_string(e.perm));
}

net::task<> stat_entry(client::pool& on, const named_entry& entry, bool json, std::string& objects, entry_result& result) {
    proto::entry facts;
    const client::pool::work what = [&](client::session& link, int /*try_number*/) {
        return stat_on(link, entry.path, facts);
    };
    auto got = co_await on.run(what);
    if (got && json) objects += (objects.empty() ? "" : ",") + stat_json(entry.path, entry.location, facts);
    if (got && !json) print_stat(entry.path, facts);
    result.add(entry.path, std::move(got));
}

int run_stat(const entry_options& entries) {
    entry_result result;
    result.command = "stat";
    std::string objects;
    return run_on_entries(
        result, entries,
        [&](client::pool& on, const named_entry& entry) {
            return stat_entry(on, entry, entries.connection.json, objects, result);
        },
        [&] { result.members = fmt::format(R"("entries":[{}],)", objects); });
}

}  // namespace

void add_stat_command(CLI::App& app, int& exit_code) {
    auto entries = std::make_shared<entry_options>();
    CLI::App* command = app.add_subcommand("stat", "Print type, size and time of files on a server");
    command_table table;
    table.add("Arguments", {entries->url_row()});
    entries->add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, entries->connection, exit_code, [entries] { return run_stat(*entries); });
}

}  // namespace sallyport::cli
