// sallyport du: prints how large directories of a server are.

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/directory_sizes.hpp>
#include <sallyport/cli/entry_command.hpp>
#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/progress_bar.hpp>

namespace sallyport::cli {
namespace {

struct du_job {
    entry_options entries;
    bool summarize = false;
    bool human = false;
};

struct du_output {
    const du_job& job;
    std::string objects;
    std::size_t unknown_sizes = 0;

    void add(const directory_size& one) {
        if (job.entries.connection.json)
            objects += fmt::format(R"({}{{"name":{},"bytes":{},"files":{}}})", objects.empty() ? "" : ",",
                                   json_string(one.path), one.bytes, one.files);
        else
            fmt::print("{}\t{}\n", job.human ? readable_size(static_cast<double>(one.bytes)) : std::to_string(one.bytes),
                       display_text(one.path));
    }
};

net::task<> measure(client::pool& on, const named_entry& entry, bool summarize, du_output& output, entry_result& result) {
    const auto tree = co_await read_below(on, entry.path, result);
    if (!tree) co_return;
    const auto sizes = sizes_of(*tree, entry.path);
    output.unknown_sizes += sizes.unknown;
    for (const auto& each : sizes.directories)
        if (!summarize || &each == &sizes.directories.back()) output.add(each);
    ++result.done;
}

int run_du(const du_job& job) {
    entry_result result;
    result.command = "du";
    du_output output{job, {}, 0};
    return run_on_entries(
        result, job.entries,
        [&](client::pool& on, const named_entry& entry) { return measure(on, entry, job.summarize, output, result); },
        [&] {
            result.members = fmt::format(R"("entries":[{}],)", output.objects);
            if (output.unknown_sizes > 0)
                result.warnings.push_back(
                    fmt::format("the listings have no size for {} of the files", output.unknown_sizes));
        });
}

}  // namespace

void add_du_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<du_job>();
    CLI::App* command = app.add_subcommand("du", "Print the sizes of directories of a server");
    command_table table;
    table.add("Arguments", {job->entries.url_row()});
    table.add("Output", {{"-s,--summarize", "", flag(job->summarize), "Print only the total of each URL"},
                         {"--human", "", flag(job->human), "Print sizes such as 1.5 MiB instead of bytes"}});
    job->entries.add_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->entries.connection, exit_code, [job] { return run_du(*job); });
}

}  // namespace sallyport::cli
