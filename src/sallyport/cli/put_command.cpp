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
#include <sallyport/cli/kept_site.hpp>
#include <sallyport/cli/name_list.hpp>
#include <sallyport/cli/put_many.hpp>
#include <sallyport/cli/site_names.hpp>
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
    bool temp_name = false;
    bool append = false;
    bool unique = false;

    [[nodiscard]] client::upload_mode mode() const noexcept {
        using client::upload_mode;
        return append   ? upload_mode::append
               : unique ? upload_mode::unique
               : resume ? upload_mode::resume
                        : upload_mode::replace;
    }
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
    put_many_job many{job.options,          job.many,   std::move(files), std::move(location), {},
                      job.make_directories, job.resume, job.temp_name,    job.mode()};
    if (many.files.size() == 1 && !job.many.recursive && !job.unique && !many.location.file_name().empty()) {
        many.name = many.location.file_name();
        many.location.path.resize(many.location.path.size() - many.name.size());
    }
    return put_many(many);
}

int refuse_put(const std::string& why) { return report_error("put", error{errc::usage, 0, why}, exit_status::usage); }

int run(const put_job& job) {
    auto files = job.arguments;
    auto location = parse_location(files.back());
    if (files.size() < 2 && (job.many.from_file.empty() || !location))
        return refuse_put("the URL is missing; see 'sallyport put --help'");
    if (!location) return report_error("put", location.error(), exit_status::usage);
    files.pop_back();
    if (job.append + job.unique + job.resume > 1)
        return refuse_put("--append, --unique and --resume exclude each other; use one of them");
    if (job.temp_name && (job.append || job.unique))
        return refuse_put("--temp-name is for files that are replaced; remove it, or --append and --unique");
    if (const auto listed = add_listed_names(job.many.from_file, files); !listed)
        return report_error("put", listed.error(), exit_status::local_file);
    if (kept_site::any() != nullptr || files.size() != 1 || job.many.need_many() || job.make_directories || job.temp_name ||
        job.unique)
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
        return session.put({file}, location->path, job.mode(), std::move(show));
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
          fmt::format("Local files ('-' reads standard input), and {}; after a final '/', or with several, files keep their "
                      "names",
                      location_forms)}});
    table.add("Files", {{"-c,--resume", "", flag(job->resume), "Continue at the end of the file on the server"},
                        {"--mkdir", "", flag(job->make_directories), "Make the directories in the path of the URL"},
                        {"--temp-name", "", flag(job->temp_name), "Upload to NAME.part, and rename it at the end"},
                        {"--append", "", flag(job->append), "Add the file at the end of the one on the server (APPE)"},
                        {"--unique", "", flag(job->unique), "Let the server choose a new name, and print it (STOU)"}});
    job->many.add_to(table, "Also upload directories, with everything in them", "local files");
    job->options.add_to(table);
    job->options.add_mapping_to(table);
    job->options.add_transfers_to(table, true);
    job->options.add_learning_to(table);
    set_table(*command, std::move(table));
    set_client_callback(*command, job->options, exit_code, [job] { return run(*job); });
}

}  // namespace sallyport::cli
