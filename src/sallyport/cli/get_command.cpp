// sallyport get: one file from a server.

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/transfer_result.hpp>
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
net::task<client::outcome<client::transfer_report>> fetch(client::session& session, const client::url& where,
                                                          const get_job& job, progress_bar& bar, std::string& kept) {
    const auto show = [&bar](std::uint64_t done, std::optional<std::uint64_t> size) { bar.update(done, size); };
    if (job.output == "-") {
        auto got = co_await session.get(where.path, STDOUT_FILENO, false, show);
        co_return got;
    }
    auto file = client::part_file::open(job.output, job.resume);
    if (!file)
        co_return std::unexpected(client::failure{client::step::local_file, file.error(), 0, "opening the local file", {}});
    auto got = co_await session.get(where.path, file->get(), job.resume, show);
    if (got) {
        const auto named = file->commit();
        if (!named)
            got =
                std::unexpected(client::failure{client::step::local_file, named.error(), 0, "finishing the local file", {}});
    }
    if (!got) kept = file->abandon();
    co_return got;
}

net::task<> run_session(net::loop& home, const client::url& where, client::options how, const get_job& job,
                        transfer_result& out) {
    const auto begun = net::clock::now();
    client::session session(home, std::move(how));
    auto opened = co_await session.open(where);
    if (!opened) {
        out.got = std::unexpected(std::move(opened.error()));
    } else {
        progress_bar bar(job.output == "-" ? std::string(where.file_name()) : job.output,
                         !job.options.quiet && !job.options.verbose);
        out.got = co_await fetch(session, where, job, bar, out.kept);
        out.taken = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - begun);
        bar.finish();
        out.attempts = session.attempts();
        co_await session.quit();
    }
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
        return report_error(
            "get", error{errc::misuse, 0, "-o - leaves no room for --resume or --json: standard output is the file"},
            exit_status::usage);
    auto how = job.options.session(*where);
    if (!how) return report_error("get", how.error(), exit_status::usage);

    net::loop_group loops(1);
    transfer_result result{"get", where->text(), job.output};
    loops.run_until_done(run_session(loops.at(0), *where, std::move(*how), job, result));
    return report(result, job.options);
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
    command->add_flag("-c,--resume", job->resume, "Go on with FILE.part, or FILE, from where it ends");
    job->options.add_to(*command);
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
