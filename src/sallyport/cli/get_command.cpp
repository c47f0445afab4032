// sallyport get: one file from a server.

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

/// The transfer itself: the local file is opened only after the login worked, and left as it was where the server has
/// nothing for it.
net::task<client::outcome<client::transfer_report>> fetch(client::session& session, const std::string& path,
                                                          const get_job& job, client::progress show, std::string& kept) {
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
    if (got && job.resume && file->only_file_was_there())
        got->warnings.push_back("downloaded from the beginning, because there is no partial file " + job.output + ".part");
    if (got) {
        const auto named = file->commit();
        if (!named)
            got =
                std::unexpected(client::failure{client::step::local_file, named.error(), 0, "finishing the local file", {}});
    }
    if (!got) kept = file->abandon();
    co_return got;
}

int run(get_job job) {
    auto where = client::url::parse(job.url);
    if (!where) return report_error("get", where.error(), exit_status::usage);
    if (job.output.empty()) {
        job.output = where->file_name();
        if (!proto::is_safe_name(job.output))
            return report_error(
                "get",
                error{errc::name_invalid, 0,
                      "the URL names no file to save as: name one by -o FILE, or see what is there by 'sallyport ls'"},
                exit_status::usage);
    }
    if (job.output == "-" && (job.resume || job.options.json))
        return report_error("get",
                            error{errc::usage, 0, "-o - leaves no room for --resume or --json: standard output is the file"},
                            exit_status::usage);
    const std::string label = job.output == "-" ? std::string(where->file_name()) : job.output;
    const auto move = [&](client::session& session, client::progress show, std::string& kept) {
        return fetch(session, where->path, job, std::move(show), kept);
    };
    return run_transfer({"get", *where, job.output, label, move}, job.options);
}

}  // namespace

void add_get_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<get_job>();
    CLI::App* command = app.add_subcommand("get", "Get a file: sallyport get ftp://host/path/file");
    command->add_option("URL", job->url, "ftp://, ftps:// (implicit TLS) or ftpes:// (explicit TLS)")->required();
    command->add_option(
        "-o,--output", job->output,
        "Save as FILE instead of the name in the URL; '-' is standard output. An existing FILE is replaced once the new "
        "one is whole; until then bytes go to FILE.part");
    command->add_flag(
        "-c,--resume", job->resume,
        "Continue FILE.part where it ends, if the server still has the same file: its size, its time and the last "
        "64 KiB are compared. Otherwise the download starts from the beginning, and a warning says why");
    job->options.add_to(*command);
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
