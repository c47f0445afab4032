// sallyport chmod: sets permissions of files and directories on a server.

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/client/remote_change.hpp>

namespace sallyport::cli {
namespace {

struct chmod_job {
    entry_options entries;
    std::string mode;
};

/// Servers agree on octal numbers only.
result<void> parse_mode(const std::string& text, std::string& into) {
    const bool is_octal = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
    if (!is_octal || text.size() < 3 || text.size() > 4)
        return fail(errc::usage, "not an octal mode; use one such as 644 or 0755");
    into = text;
    return {};
}

option_value mode_value(std::string& into) {
    return required(single([&into](const std::string& text) { return parse_mode(text, into); }));
}

net::task<> change_mode(client::pool& on, const named_entry& entry, std::string mode, entry_result& result) {
    auto changed = co_await client::apply_change(on, client::changing_mode(entry.path, mode));
    result.add(entry.path, std::move(changed));
}

int run_chmod(const chmod_job& job) {
    entry_result result;
    result.command = "chmod";
    return run_on_entries(result, job.entries, [&](client::pool& on, const named_entry& entry) {
        return change_mode(on, entry, job.mode, result);
    });
}

}  // namespace

void add_chmod_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<chmod_job>();
    CLI::App* command = app.add_subcommand("chmod", "Change permissions of files on a server");
    command_table table;
    table.add("Arguments",
              {{"MODE", "", mode_value(job->mode), "Octal permissions, such as 644 (SITE CHMOD)"}, job->entries.url_row()});
    job->entries.add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->entries.connection, exit_code, [job] { return run_chmod(*job); });
}

}  // namespace sallyport::cli
