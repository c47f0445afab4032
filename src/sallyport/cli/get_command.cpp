// sallyport get: downloads a file.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/get_many.hpp>
#include <sallyport/cli/kept_site.hpp>
#include <sallyport/cli/name_list.hpp>
#include <sallyport/cli/site_names.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/cli/transfer_run.hpp>
#include <sallyport/client/glob.hpp>
#include <sallyport/client/part_download.hpp>
#include <sallyport/client/remote_file.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::cli {
namespace {

struct get_job {
    client_options options;
    many_options many;
    std::vector<std::string> urls;
    std::string output;
    std::string directory;
    bool resume = false;
    bool no_glob = false;
    bool no_clobber = false;
    bool newer = false;
    std::size_t segments = 1;
};

/// The transfer itself. The local file is opened after the login, and stays unchanged if the server sends nothing.
net::task<client::outcome<client::transfer_report>> fetch(client::session& session, const std::string& path,
                                                          const get_job& job, client::progress show,
                                                          std::string& partial_file) {
    if (job.output == "-") {
        client::download_resume never;
        auto got = co_await session.get(path, STDOUT_FILENO, std::move(never), std::move(show));
        co_return got;
    }
    auto file = client::part_file::open(job.output, job.resume);
    if (!file) co_return std::unexpected(client::failure::of_local_file(file.error(), "opening the local file"));
    client::download_resume how{.wanted = job.resume};
    auto got = co_await client::receive(session, path, *file, std::move(how), std::move(show));
    if (got && job.resume && file->only_final_file_existed())
        got->warnings.push_back("downloaded from the beginning, because there is no partial file " + job.output + ".part");
    co_return client::finish(*file, std::move(got), partial_file);
}

/// A single file: one session and one result object. Everything else is for get_many, and so is a shell.
bool is_single_file(const get_job& job, const std::vector<client::url>& locations) {
    if (kept_site::any() != nullptr) return false;
    const bool is_pattern = !job.no_glob && job.output.empty() && client::has_wildcards(locations.front().path);
    return locations.size() == 1 && !is_pattern && !job.many.need_many() && job.directory.empty() && !job.no_clobber &&
           !job.newer && job.segments == 1;
}

/// The directory and the name in it of -o FILE, with which a single file is downloaded in segments.
void set_output(get_many_job& many, const std::string& output) {
    many.name = client::last_component(output);
    many.directory = client::parent_of(output);
}

int run_many(const get_job& job, std::vector<client::url> locations) {
    const bool can_name = job.segments > 1 || kept_site::any() != nullptr;
    const bool has_output = can_name && locations.size() == 1 && job.directory.empty() && !job.many.recursive &&
                            job.output != "-" && proto::is_safe_name(client::last_component(job.output));
    if (!job.output.empty() && !has_output)
        return report_error("get", error{errc::usage, 0, "-o names a single file; use -O DIR for several"},
                            exit_status::usage);
    if (job.no_clobber && job.newer)
        return report_error("get", error{errc::usage, 0, "--no-clobber and --newer exclude each other; use one of them"},
                            exit_status::usage);
    for (const auto& each : locations)
        if (!job.many.recursive && !proto::is_safe_name(each.file_name()))
            return report_error(
                "get",
                error{errc::name_invalid, 0, each.text() + " has no file name to save as; add --recursive or a pattern"},
                exit_status::usage);
    get_many_job many{
        job.options, job.many, std::move(locations), job.directory, job.no_glob || has_output, job.no_clobber, job.newer,
        job.resume,  {},       job.segments};
    if (has_output) set_output(many, job.output);
    return get_many(many);
}

int run(get_job job) {
    if (const auto listed = add_listed_names(job.many.from_file, job.urls); !listed)
        return report_error("get", listed.error(), exit_status::local_file);
    if (job.urls.empty())
        return report_error("get", error{errc::usage, 0, "the URL is missing; see 'sallyport get --help'"},
                            exit_status::usage);
    std::vector<client::url> locations;
    for (const auto& each : job.urls) {
        auto location = parse_location(each);
        if (!location) return report_error("get", location.error(), exit_status::usage);
        locations.push_back(std::move(*location));
    }
    if (!is_single_file(job, locations)) return run_many(job, std::move(locations));
    const auto& location = locations.front();
    if (job.output.empty()) {
        job.output = location.file_name();
        if (!proto::is_safe_name(job.output))
            return report_error(
                "get",
                error{errc::name_invalid, 0,
                      "the URL has no file name to save as; add -o FILE, or list the directory with 'sallyport ls'"},
                exit_status::usage);
    }
    if (job.output == "-" && (job.resume || job.options.json))
        return report_error(
            "get",
            error{errc::usage, 0, "-o - writes the file to standard output; --resume and --json cannot be combined with it"},
            exit_status::usage);
    const std::string label = job.output == "-" ? std::string(location.file_name()) : job.output;
    const auto move = [&](client::session& session, client::progress show, std::string& partial_file) {
        return fetch(session, location.path, job, std::move(show), partial_file);
    };
    return run_transfer({"get", location, job.output, label, move}, job.options);
}

}  // namespace

void add_get_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<get_job>();
    CLI::App* command = app.add_subcommand("get", "Download files");
    command_table table;
    table.add("Arguments", {{"URL", "", texts(job->urls), fmt::format("{}; *, ?, [] and ** match names", location_forms)}});
    table.add("Files",
              {{"-o,--output", "FILE", text(job->output), "Save as FILE; '-' writes to standard output", "name in the URL"},
               {"-c,--resume", "", flag(job->resume), "Continue FILE.part, or FILE, at its end"},
               {"-O,--output-directory", "DIR", text(job->directory), "Save in DIR, which is made if it is missing",
                "working directory"},
               {"--segments", "N", count(job->segments, {.min = 1, .max = transfer_settings::max_connections}),
                "Download each file over N connections at the same time", "1"},
               {"--no-clobber", "", flag(job->no_clobber), "Keep files that exist"},
               {"--newer", "", flag(job->newer), "Replace files only by newer ones"},
               {"--no-glob", "", flag(job->no_glob), "Treat *, ?, [ and ] in URLs as parts of names"}});
    job->many.add_to(table, "Also download directories, with everything in them", "URLs");
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    job->options.add_transfers_to(table, true);
    job->options.add_learning_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run(*job); });
}

}  // namespace sallyport::cli
