// sallyport put: uploads a file.

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/cli/transfer_run.hpp>

namespace sallyport::cli {
namespace {

struct put_job {
    client_options options;
    std::string file;
    std::string url;
    bool resume = false;
};

result<unique_fd> open_local(const std::string& name) {
    unique_fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_os(errno, name);
    struct ::stat about{};
    if (::fstat(file.get(), &about) != 0) return fail_os(errno, name);
    if (S_ISDIR(about.st_mode)) return fail(errc::is_a_directory, name + " is a directory; upload its files one by one");
    return file;
}

int run(const put_job& job) {
    auto location = client::url::parse(job.url);
    if (!location) return report_error("put", location.error(), exit_status::usage);
    const bool piped = job.file == "-";
    if (location->file_name().empty()) {
        if (piped)
            return report_error("put", error{errc::usage, 0, "standard input has no name; end the URL with a file name"},
                                exit_status::usage);
        location->path += job.file.substr(job.file.rfind('/') + 1);
    }
    unique_fd local;
    if (!piped) {
        auto opened = open_local(job.file);
        if (!opened) return report_error("put", opened.error(), exit_status::local_file);
        local = std::move(*opened);
    }
    const int file = piped ? STDIN_FILENO : local.get();
    const auto move = [&](client::session& session, client::progress show, std::string& /*kept*/) {
        return session.put(file, location->path, job.resume, std::move(show));
    };
    return run_transfer({"put", *location, job.file, job.file, move}, job.options);
}

}  // namespace

void add_put_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<put_job>();
    CLI::App* command = app.add_subcommand("put", "Upload a file");
    command_table table;
    table.add("Arguments",
              {{"FILE", "", required(text(job->file)), "Local file; '-' reads standard input"},
               {"URL", "", required(text(job->url)),
                "ftp://, ftpes:// (explicit TLS) or ftps:// (implicit TLS); after a final '/', FILE keeps its name"}});
    table.add("Files", {{"-c,--resume", "", flag(job->resume), "Continue at the end of the file on the server"}});
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
