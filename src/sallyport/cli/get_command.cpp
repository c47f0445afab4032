// sallyport get: downloads a file.

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/cli/transfer_run.hpp>
#include <sallyport/client/part_file.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::cli {
namespace {

struct get_job {
    client_options options;
    std::string url;
    std::string output;
    bool resume = false;
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
    if (!file)
        co_return std::unexpected(client::failure{client::step::local_file, file.error(), 0, "opening the local file", {}});
    client::download_resume resume{job.resume, file->recorded(), {}};
    resume.record = [&file](const std::optional<client::file_version>& version) { file->record(version); };
    auto got = co_await session.get(path, file->get(), std::move(resume), std::move(show));
    if (got && job.resume && file->only_final_file_existed())
        got->warnings.push_back("downloaded from the beginning, because there is no partial file " + job.output + ".part");
    if (got) {
        const auto named = file->commit();
        if (!named)
            got =
                std::unexpected(client::failure{client::step::local_file, named.error(), 0, "finishing the local file", {}});
    }
    if (!got) partial_file = file->abandon();
    co_return got;
}

int run(get_job job) {
    auto location = client::url::parse(job.url);
    if (!location) return report_error("get", location.error(), exit_status::usage);
    if (job.output.empty()) {
        job.output = location->file_name();
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
    const std::string label = job.output == "-" ? std::string(location->file_name()) : job.output;
    const auto move = [&](client::session& session, client::progress show, std::string& partial_file) {
        return fetch(session, location->path, job, std::move(show), partial_file);
    };
    return run_transfer({"get", *location, job.output, label, move}, job.options);
}

}  // namespace

void add_get_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<get_job>();
    CLI::App* command = app.add_subcommand("get", "Download a file");
    command_table table;
    table.add("Arguments",
              {{"URL", "", required(text(job->url)), "ftp://, ftpes:// (explicit TLS) or ftps:// (implicit TLS)"}});
    table.add("Files",
              {{"-o,--output", "FILE", text(job->output), "Save as FILE; '-' writes to standard output", "name in the URL"},
               {"-c,--resume", "", flag(job->resume), "Continue FILE.part, or FILE, at its end"}});
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
