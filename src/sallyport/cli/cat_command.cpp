// sallyport cat: writes files of a server to standard output.

#include <memory>
#include <optional>
#include <utility>

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

struct cat_outcome {
    bool has_written = false;
    client::outcome<void> got;
};

/// A file of which a part was written cannot be begun again on another connection.
net::task<client::outcome<void>> write_on(client::session& on, const std::string& path, cat_outcome& out) {
    client::download_resume never;
    const auto note = [&out](std::uint64_t done, std::optional<std::uint64_t> /*size*/) { out.has_written |= done > 0; };
    auto got = co_await on.get(path, STDOUT_FILENO, std::move(never), note);
    if (got) co_return client::outcome<void>{};
    if (!out.has_written) co_return std::unexpected(std::move(got.error()));
    out.got = std::unexpected(std::move(got.error()));
    co_return client::outcome<void>{};
}

net::task<> write_entry(client::pool& on, const named_entry& entry, entry_result& result) {
    cat_outcome out;
    const client::pool::work what = [&](client::session& link, int /*try_number*/) {
        return write_on(link, entry.path, out);
    };
    auto got = co_await on.run(what);
    result.add(entry.path, got ? std::move(out.got) : std::move(got));
}

int run_cat(const entry_options& entries) {
    if (entries.connection.json)
        return report_error("cat",
                            error{errc::usage, 0, "cat writes the files to standard output; remove --json, or use get"},
                            exit_status::usage);
    entry_result result;
    result.command = "cat";
    return run_on_entries(result, entries,
                          [&](client::pool& on, const named_entry& entry) { return write_entry(on, entry, result); });
}

}  // namespace

void add_cat_command(CLI::App& app, int& exit_code) {
    auto entries = std::make_shared<entry_options>();
    CLI::App* command = app.add_subcommand("cat", "Write files of a server to standard output");
    command_table table;
    table.add("Arguments", {entries->url_row()});
    entries->add_to(table);
    entries->connection.add_transfers_to(table, false);
    set_table(*command, std::move(table));
    set_client_callback(*command, entries->connection, exit_code, [entries] { return run_cat(*entries); });
}

}  // namespace sallyport::cli
