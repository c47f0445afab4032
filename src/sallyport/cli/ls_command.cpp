// sallyport ls: lists a directory.

#include <algorithm>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/json_text.hpp>
#include <sallyport/cli/advice_text.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/run_session.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

using proto::entry;
using proto::entry_type;

struct ls_job {
    client_options options;
    std::string url;
    bool names_only = false;
};

using ls_result = session_result<client::listing_report>;

char letter(entry_type t) {
    switch (t) {
        case entry_type::file: return '-';
        case entry_type::directory:
        case entry_type::current:
        case entry_type::parent: return 'd';
        case entry_type::link: return 'l';
        case entry_type::other: break;
    }
    return '?';
}

std::string_view type_name(entry_type t) {
    switch (letter(t)) {
        case '-': return "file";
        case 'd': return "directory";
        case 'l': return "link";
        default: return "other";
    }
}

std::string display_text(std::string_view name) { return ::isatty(STDOUT_FILENO) == 1 ? escape(name) : std::string(name); }

std::string time_text(const entry& e) {
    return e.has_modified ? fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(e.modified)))
                          : std::string();
}

void print_long(const entry& e) {
    const std::string link = e.link_target.empty() ? "" : " -> " + display_text(e.link_target);
    fmt::print("{} {:>14} {:>16}  {}{}{}\n", letter(e.type), e.has_size ? std::to_string(e.size) : "", time_text(e),
               display_text(e.name), e.type == entry_type::directory ? "/" : "", link);
}

std::string entry_json(const entry& e) {
    return fmt::format(R"({{"name":{},"type":"{}","size":{},"modified":{}}})", json_string(e.name), type_name(e.type),
                       e.has_size ? std::to_string(e.size) : "null",
                       e.has_modified
                           ? fmt::format("\"{:%Y-%m-%dT%H:%M:%SZ}\"", fmt::gmtime(static_cast<std::time_t>(e.modified)))
                           : "null");
}

void print_json(const std::string& url, const client::listing_report& listing) {
    fmt::print(R"({{"ok":true,"exit_code":0,"url":{},"skipped_names":{},"unrecognized_lines":{},"entries":[)",
               json_string(url), listing.skipped_names, listing.unrecognized_lines);
    for (std::size_t i = 0; i < listing.entries.size(); ++i)
        fmt::print("{}{}", i == 0 ? "" : ",", entry_json(listing.entries[i]));
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
                print_long(e);
        }
    }
    if (r.got->skipped_names > 0 && !job.options.quiet)
        fmt::print(stderr, "sallyport ls: warning: skipped {} entries with unsafe names\n", r.got->skipped_names);
    if (r.got->unrecognized_lines > 0 && !job.options.quiet)
        fmt::print(stderr, "sallyport ls: warning: skipped {} lines in an unknown format; the first: {}\n",
                   r.got->unrecognized_lines, escape(r.got->first_unrecognized));
    return 0;
}

int run(const ls_job& job) {
    auto location = client::url::parse(job.url);
    if (!location) return report_error("ls", location.error(), exit_status::usage);
    auto how = job.options.session(*location);
    if (!how) return report_error("ls", how.error(), exit_status::usage);
    const auto mapping = job.options.mapping();
    if (!mapping) return report_error("ls", mapping.error(), exit_status::usage);
    auto result = run_session<client::listing_report>(*location, std::move(*how), *mapping, [&](client::session& session) {
        return session.list(location->path, std::time(nullptr));
    });
    return report(location->text(), result, job);
}

}  // namespace

void add_ls_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<ls_job>();
    CLI::App* command = app.add_subcommand("ls", "List a directory");
    command_table table;
    table.add("Arguments",
              {{"URL", "", required(text(job->url)), "ftp://, ftpes:// (explicit TLS) or ftps:// (implicit TLS)"}});
    table.add("Output", {{"-1,--names", "", flag(job->names_only), "Print names only, one per line"}});
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
