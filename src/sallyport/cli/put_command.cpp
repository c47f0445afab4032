// sallyport put: one file to a server.

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/transfer_result.hpp>

namespace sallyport::cli {
namespace {

struct put_job {
    client_options options;
    std::string file;
    std::string url;
    bool resume = false;
};

net::task<> run_session(net::loop& home, const client::url& where, client::options how, const put_job& job, int file,
                        transfer_result& out) {
    const auto begun = net::clock::now();
    client::session session(home, std::move(how));
    auto opened = co_await session.open(where);
    if (!opened) {
        out.got = std::unexpected(std::move(opened.error()));
    } else {
        progress_bar bar(job.file, !job.options.quiet && !job.options.verbose);
        const auto show = [&bar](std::uint64_t done, std::optional<std::uint64_t> size) { bar.update(done, size); };
        out.got = co_await session.put(file, where.path, job.resume, show);
        out.taken = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - begun);
        bar.finish();
        out.attempts = session.attempts();
        co_await session.quit();
    }
}

result<unique_fd> open_local(const std::string& name) {
    unique_fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_os(errno, name);
    struct ::stat about{};
    if (::fstat(file.get(), &about) != 0) return fail_os(errno, name);
    if (S_ISDIR(about.st_mode)) return fail(errc::is_a_directory, name + " is a directory; put its files one by one");
    return file;
}

int run(const put_job& job) {
    auto where = client::url::parse(job.url);
    if (!where) return report_error("put", where.error(), exit_status::usage);
    const bool piped = job.file == "-";
    if (where->file_name().empty()) {
        if (piped)
            return report_error("put",
                                error{errc::misuse, 0, "standard input has no name: end the URL with the name it is to get"},
                                exit_status::usage);
        where->path += job.file.substr(job.file.rfind('/') + 1);
    }
    unique_fd local;
    if (!piped) {
        auto opened = open_local(job.file);
        if (!opened) return report_error("put", opened.error(), exit_status::local_file);
        local = std::move(*opened);
    }
    auto how = job.options.session(*where);
    if (!how) return report_error("put", how.error(), exit_status::usage);

    net::loop_group loops(1);
    transfer_result result{"put", where->text(), job.file};
    loops.run_until_done(run_session(loops.at(0), *where, std::move(*how), job, piped ? STDIN_FILENO : local.get(), result));
    return report(result, job.options);
}

}  // namespace

void add_put_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<put_job>();
    CLI::App* command = app.add_subcommand("put", "Put a file: sallyport put FILE ftp://user@host/path/");
    command->add_option("FILE", job->file, "The local file; '-' is standard input")->required();
    command->add_option("URL", job->url, "Where to; with a '/' at its end the file keeps its name")->required();
    command->add_flag("-c,--resume", job->resume, "Go on from where the server's file ends");
    job->options.add_to(*command);
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
