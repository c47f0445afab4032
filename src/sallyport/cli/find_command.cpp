// sallyport find: prints the files and directories below those of a server.

#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/find_filter.hpp>
#include <sallyport/client/remote_tree.hpp>

namespace sallyport::cli {
namespace {

struct find_job {
    entry_options entries;
    find_filter filter;
    bool urls = false;
    bool end_with_nul = false;
};

/// Prints what was found, or adds it to the JSON object.
struct find_output {
    const find_job& job;
    std::string objects;

    void add(const client::url& site, const client::remote_entry& e) {
        auto name = e.path;
        if (job.urls) {
            auto location = site;
            // Absolute, whatever the directory of the login is.
            location.path = e.path;
            location.ascii = false;
            name = location.text();
        }
        if (job.entries.connection.json)
            objects += (objects.empty() ? "{" : ",{") + entry_members(name, e.facts) + '}';
        else if (job.end_with_nul)
            std::fwrite(name.c_str(), 1, name.size() + 1, stdout);
        else
            fmt::print("{}\n", display_text(name));
    }
};

net::task<> find_below(client::pool& on, const named_entry& entry, const find_filter& filter, find_output& output,
                       entry_result& result) {
    const auto tree = co_await read_below(on, entry.path, result);
    if (!tree) co_return;
    for (const auto& e : tree->entries) {
        if (!filter.admits(e.facts)) continue;
        ++result.done;
        output.add(entry.location, e);
    }
}

int run_find(const find_job& job) {
    entry_result result;
    result.command = "find";
    find_output output{job, {}};
    return run_on_entries(
        result, job.entries,
        [&](client::pool& on, const named_entry& entry) { return find_below(on, entry, job.filter, output, result); },
        [&] { result.members = fmt::format(R"("entries":[{}],)", output.objects); });
}

option_value moment(std::optional<std::int64_t>& into) {
    return single([&into](const std::string& text) -> result<void> {
        const auto got = parse_moment(text, std::time(nullptr));
        if (!got) return std::unexpected(got.error());
        into = *got;
        return {};
    });
}

option_value entry_type_value(std::optional<proto::entry_type>& into) {
    auto out = single([&into](const std::string& text) -> result<void> {
        if (text == "f")
            into = proto::entry_type::file;
        else if (text == "d")
            into = proto::entry_type::directory;
        else if (text == "l")
            into = proto::entry_type::link;
        else
            return std::unexpected(unknown_value("type", {"f", "d", "l"}));
        return {};
    });
    out.known = {"f", "d", "l"};
    return out;
}

}  // namespace

void add_find_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<find_job>();
    CLI::App* command = app.add_subcommand("find", "Print the paths of files below directories of a server");
    command_table table;
    table.add("Arguments", {job->entries.url_row()});
    table.add("Selection",
              {{"--name", "PATTERN", text(job->filter.name), "Only names that match; quote the pattern", "all"},
               {"--type", "f|d|l", entry_type_value(job->filter.type), "Only files, directories or links", "all"},
               {"--newer-than", "TIME", moment(job->filter.newer_than),
                "Only what changed since then: an age (12h, 7d) or a date, 2026-01-31 (UTC)", "all"},
               {"--older-than", "TIME", moment(job->filter.older_than), "Only what has not changed since then", "all"}});
    table.add("Output",
              {{"--urls", "", flag(job->urls), "Print URLs instead of paths, for 'get --from-file -'"},
               {"-0,--null", "", flag(job->end_with_nul), "End each path with a NUL byte instead of a line break"}});
    job->entries.add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->entries.connection, exit_code, [job] { return run_find(*job); });
}

}  // namespace sallyport::cli
