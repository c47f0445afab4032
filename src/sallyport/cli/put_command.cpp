// sallyport put: uploads a file.

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/client_options.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/put_many.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/cli/transfer_run.hpp>

namespace sallyport::cli {
namespace {

struct put_job {
    client_options options;
    many_options many;
    /// The files, then the URL.
    std::vector<std::string> arguments;
    bool resume = false;
    bool make_directories = false;
};

/// One list of arguments, since the last one is the URL.
option_value files_and_url(std::vector<std::string>& into) {
    auto out = texts(into);
    out.repeatable = false;
    out.add = [add = std::move(out.add)](CLI::App& command, const std::string& /*name*/) { return add(command, "FILE"); };
    return out;
}

result<unique_fd> open_local(const std::string& name) {
    unique_fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_os(errno, name);
    struct ::stat about{};
    if (::fstat(file.get(), &about) != 0) return fail_os(errno, name);
    if (S_ISDIR(about.st_mode)) return fail(errc::is_a_directory, name + " is a directory; upload its files one by one");
    return file;
}

/// Everything but a single file into a directory that exists.
int run_many(const put_job& job, std::vector<std::string> files, client::url location) {
    if (std::ranges::find(files, "-") != files.end())
        return report_error("put", error{errc::usage, 0, "'-' cannot be combined with other files or with these options"},
                            exit_status::usage);
    put_many_job many{job.options, job.many, std::move(files), std::move(location), {}, job.make_directories, job.resume};
    if (many.files.size() == 1 && !job.many.recursive && !many.location.file_name().empty()) {
        many.name = many.location.file_name();
        many.location.path.resize(many.location.path.size() - many.name.size());
    }
    return put_many(many);
}

int run(const put_job& job) {
    auto files = job.arguments;
    if (files.size() < 2)
        return report_error("put", error{errc::usage, 0, "the URL is missing; see 'sallyport put --help'"},
                            exit_status::usage);
    auto location = client::url::parse(files.back());
    if (!location) return report_error("put", location.error(), exit_status::usage);
    files.pop_back();
    if (files.size() > 1 || job.many.recursive || job.many.keep_times || job.make_directories)
        return run_many(job, std::move(files), std::move(*location));
    const auto& name = files.front();
    const bool piped = name == "-";
    if (location->file_name().empty()) {
        if (piped)
            return report_error("put", error{errc::usage, 0, "standard input has no name; end the URL with a file name"},
                                exit_status::usage);
        location->path += name.substr(name.rfind('/') + 1);
    }
    unique_fd local;
    if (!piped) {
        auto opened = open_local(name);
        if (!opened) return report_error("put", opened.error(), exit_status::local_file);
        local = std::move(*opened);
    }
    const int file = piped ? STDIN_FILENO : local.get();
    const auto move = [&](client::session& session, client::progress show, std::string& /*kept*/) {
        return session.put(file, location->path, job.resume, std::move(show));
    };
    return run_transfer({"put", *location, name, name, move}, job.options);
}

}  // namespace

void add_put_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<put_job>();
    CLI::App* command = app.add_subcommand("put", "Upload files");
    command_table table;
    table.add(
        "Arguments",
        {{"FILE... URL", "", required(files_and_url(job->arguments)),
          "Local files ('-' reads standard input), and ftp://, ftpes:// (explicit TLS) or ftps:// (implicit TLS); after a "
          "final '/', or with several, files keep their names"}});
    table.add("Files", {{"-c,--resume", "", flag(job->resume), "Continue at the end of the file on the server"},
                        {"--mkdir", "", flag(job->make_directories), "Make the directories in the path of the URL"}});
    job->many.add_to(table, "Also upload directories, with everything in them");
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
