// sallyport ls: lists a directory.

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/entry_text.hpp>
#include <sallyport/cli/run_on_kept.hpp>
#include <sallyport/cli/run_session.hpp>
#include <sallyport/cli/site_memory.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::cli {
namespace {

using proto::entry;

struct ls_job {
    client_options options;
    std::string url;
    bool names_only = false;
};

using ls_result = session_result<client::listing_report>;

void print_json(const std::string& url, const client::listing_report& listing) {
    fmt::print(R"({{"ok":true,"exit_code":0,"url":{},"skipped_names":{},"unrecognized_lines":{},"entries":[)",
               json_string(url), listing.skipped_names, listing.unrecognized_lines);
    for (std::size_t i = 0; i < listing.entries.size(); ++i)
        fmt::print("{}{}", i == 0 ? "" : ",", "{" + entry_members(listing.entries[i].name, listing.entries[i]) + "}");
    fmt::print("]}}\n");
}

int report(const std::string& url, ls_result& r, const ls_job& job) {
    if (!r.got) {
        fmt::print(stderr, "sallyport ls: {}\n{}", failure_line(r.got.error()), doctor_line("ls", url, r.got.error()));
        if (job.options.json) fmt::print("{}\n", failure_json(url, r.got.error(), r.attempts));
        return static_cast<int>(status_of(r.got.error()));
    }
    std::ranges::sort(r.got->entries, {}, &entry::name);
    if (job.options.json) {
        print_json(url, *r.got);
    } else {
        for (const auto& e : r.got->entries) {
            if (job.names_only)
                fmt::print("{}\n", display_text(e.name));
            else
                fmt::print("{}\n", long_line(e));
        }
    }
    if (r.got->skipped_names > 0 && !job.options.quiet)
        fmt::print(stderr, "sallyport ls: warning: skipped {}\n", status::with_plural(r.got->skipped_names, "unsafe name"));
    if (r.got->unrecognized_lines > 0 && !job.options.quiet)
        fmt::print(stderr, "sallyport ls: warning: skipped {} in an unknown format; the first: {}\n",
                   status::with_plural(r.got->unrecognized_lines, "line"), escape(r.got->first_unrecognized));
    return 0;
}

result<ls_result> list(const client::url& location, const client_options& given) {
    const session_work<client::listing_report> work = [&](client::session& session) {
        return session.list(location.path, std::time(nullptr));
    };
    if (kept_site::any() != nullptr) return run_on_kept(location, given, work);
    const auto options = given.for_site(location);
    if (!options) return std::unexpected(options.error());
    auto how = options->session(location);
    if (!how) return std::unexpected(std::move(how.error()));
    const auto mapping = options->mapping();
    if (!mapping) return std::unexpected(mapping.error());
    const site_memory memory(location, *options, *how);
    step_line steps(!options->quiet && !options->verbose);
    auto out = run_session(location, std::move(*how), *mapping, work, steps);
    memory.learn(out.attempts);
    return out;
}

int run(const ls_job& job) {
    auto location = parse_location(job.url);
    if (!location) return report_error("ls", location.error(), exit_status::usage);
    auto listed = list(*location, job.options);
    if (!listed) return report_error("ls", listed.error(), exit_status::usage);
    return report(location->text(), *listed, job);
}

}  // namespace

void add_ls_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<ls_job>();
    CLI::App* command = app.add_subcommand("ls", "List a directory");
    command_table table;
    table.add("Arguments", {{"URL", "", required(text(job->url)), std::string(location_forms)}});
    table.add("Output", {{"-1,--names", "", flag(job->names_only), "Print names only, one per line"}});
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    job->options.add_learning_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run(*job); });
}

}  // namespace sallyport::cli
