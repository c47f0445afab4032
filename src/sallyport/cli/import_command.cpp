// sallyport import: makes a configuration of 'sallyport serve' from that of another server.

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <glob.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/small_file.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/compare_command.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/self_signed_certificate.hpp>
#include <sallyport/imports/proftpd_import.hpp>
#include <sallyport/imports/pure_ftpd_import.hpp>
#include <sallyport/imports/vsftpd_import.hpp>

namespace sallyport::cli {
namespace {

constexpr int failed = 1;
constexpr int invalid = 2;
constexpr int less_safe = 3;

struct import_job {
    // "vsftpd"
    std::string program;
    std::string file;
    std::string output;
    std::string users;
    std::string virtual_host;
    bool accept = false;
};

int refuse(const import_job& job, const error& why, int code) {
    fmt::print(stderr, "sallyport import {}: {}\n", job.program, line_of(why));
    return code;
}

/// A file cannot be read, or its text is refused.
int refuse_source(const import_job& job, const error& why) {
    return refuse(job, why, why.code == errc::usage ? invalid : failed);
}

/// Writes the result, if it may be written. `between`: what separates a name and its value in the source.
int finish(const import_job& job, const imports::import_result& made, char between) {
    fmt::print("{}", made.report(job.program, job.file, between));
    if (made.is_less_safe() && !job.accept)
        return refuse(job,
                      {errc::usage, 0,
                       "the result would be less safe than the source, or lack accounts, see the lines above; nothing was "
                       "written; change the source, or add --accept and complete the result by hand"},
                      less_safe);
    if (const auto done = write_new_file(job.output, made.toml, 0600); !done) return refuse(job, done.error(), failed);
    fmt::print("Written: {}; check it with 'sallyport serve check DIR --config {}'\n", job.output, job.output);
    return 0;
}

result<std::optional<std::string>> read_users(const import_job& job) {
    if (job.users.empty()) return std::nullopt;
    auto text = read_small_file(job.users);
    if (!text) return std::unexpected(std::move(text.error()));
    return std::move(*text);
}

result<std::string> read_one_file(const std::string& path) { return read_small_file(path); }

bool is_directory(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
}

/// The file, or those in the directory, in the order of their names.
result<std::vector<imports::import_file>> read_files(const std::string& path) {
    std::vector<std::string> names;
    std::error_code why;
    if (!is_directory(path))
        names.push_back(path);
    else
        for (std::filesystem::directory_iterator entry(path, why), end; !why && entry != end; entry.increment(why))
            names.push_back(entry->path().string());
    if (why) return fail(errc::permission, fmt::format("{}: {}; run as a user that may read it", path, why.message()));
    std::ranges::sort(names);
    std::vector<imports::import_file> out;
    for (auto& name : names) {
        auto text = read_small_file(name);
        if (!text) return std::unexpected(std::move(text.error()));
        out.push_back({std::move(name), std::move(*text)});
    }
    return out;
}

/// One file, those that a pattern matches, or all of a directory.
result<std::vector<imports::import_file>> included_files(const std::string& pattern) {
    std::vector<std::string> paths;
    glob_t found{};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
    globfree(&found);
    // A pattern may match nothing, a name may not.
    if (paths.empty() && pattern.find_first_of("*?[") == pattern.npos) paths.push_back(pattern);
    std::vector<imports::import_file> out;
    for (const auto& path : paths) {
        auto files = read_files(path);
        if (!files) return std::unexpected(std::move(files.error()));
        std::ranges::move(*files, std::back_inserter(out));
    }
    return out;
}

int run_vsftpd(const import_job& job) {
    const auto text = read_small_file(job.file);
    if (!text) return refuse_source(job, text.error());
    const auto users = read_users(job);
    if (!users) return refuse_source(job, users.error());
    const auto made =
        imports::import_vsftpd({job.file, *text}, users->value_or(""), {.include = included_files, .read = read_one_file});
    if (made) return finish(job, *made, '=');
    return refuse_source(job, made.error());
}

int run_proftpd(const import_job& job) {
    auto text = read_small_file(job.file);
    if (!text) return refuse_source(job, text.error());
    auto users = read_users(job);
    if (!users) return refuse_source(job, users.error());
    const imports::import_sources files{.include = included_files, .read = read_one_file};
    const auto made = imports::import_proftpd(
        {.file = {job.file, std::move(*text)}, .virtual_host = job.virtual_host, .users = std::move(*users)}, files);
    if (made) return finish(job, *made, ' ');
    return refuse_source(job, made.error());
}

/// A command line, a directory with a file for each option, or a configuration file.
result<imports::pure_options> read_pure_ftpd(const std::string& source) {
    if (source.starts_with('-') || source.find_first_of(" \t") != source.npos) return imports::read_pure_ftpd_words(source);
    const auto files = read_files(source);
    if (!files) return std::unexpected(files.error());
    if (is_directory(source)) return imports::read_pure_ftpd_directory(*files);
    return imports::read_pure_ftpd_conf(files->front(), read_one_file);
}

int run_pure_ftpd(const import_job& job) {
    const auto options = read_pure_ftpd(job.file);
    if (!options) return refuse_source(job, options.error());
    const auto users = read_users(job);
    if (!users) return refuse_source(job, users.error());
    auto made = imports::import_pure_ftpd(*options, users->value_or(""));
    if (!made) return refuse_source(job, made.error());
    const bool is_command_line = !options->empty() && options->front().file.empty();
    if (is_command_line) made->unit = "word";
    import_job named = job;
    if (is_command_line) named.file = "options";
    return finish(named, *made, ' ');
}

constexpr std::string_view outcomes_help =
    " has a line in the report: taken over, nearest equivalent, dropped, or LESS SAFE, with what it has become or the "
    "reason.";
constexpr std::string_view codes_help =
    "Exit codes: 0 success, 1 a file cannot be read or written, 2 invalid options or input, 3 the result would be less "
    "safe.";

std::vector<option_row> result_rows(import_job& job, const char* users_help) {
    return {{"-o,--output", "FILE", required(text(job.output)), "Configuration file to write; none is overwritten"},
            {"--users", "FILE", text(job.users), users_help, "none"},
            {"--accept", "", flag(job.accept), "Write the result although it is less safe than the source"}};
}

/// Adds a subcommand that `run` performs.
void add_program(CLI::App& import, const std::shared_ptr<import_job>& job, const char* description, command_table table,
                 int (*run)(const import_job&), int& exit_code) {
    CLI::App* command = import.add_subcommand(job->program, description);
    set_table(*command, std::move(table));
    command->callback([job, run, &exit_code] { exit_code = run(*job); });
}

void add_vsftpd(CLI::App& import, int& exit_code) {
    auto job = std::make_shared<import_job>(import_job{.program = "vsftpd"});
    command_table table;
    table.add("Arguments", {{"FILE", "", required(text(job->file)), "The file vsftpd.conf"}});
    table.add("Result", result_rows(*job, "Accounts in place of PAM: NAME:HASH, as in /etc/shadow or from htpasswd"));
    table.notes = fmt::format(
        "Each setting of FILE, and each default of vsftpd that matters,{}\n\n"
        "Example:\n"
        "  sallyport import vsftpd /etc/vsftpd.conf --users /etc/shadow \\\n"
        "    --output serve.toml\n\n{}",
        outcomes_help, codes_help);
    add_program(import, job, "Import vsftpd.conf, with a line for each setting", std::move(table), run_vsftpd, exit_code);
}

void add_proftpd(CLI::App& import, int& exit_code) {
    auto job = std::make_shared<import_job>(import_job{.program = "proftpd"});
    command_table table;
    table.add("Arguments",
              {{"FILE", "", required(text(job->file)), "The file proftpd.conf; files of its Include are read, too"}});
    table.add("Source", {{"--virtual-host", "NAME", text(job->virtual_host),
                          "Import this <VirtualHost> instead of the server outside them", "none"}});
    table.add("Result", result_rows(*job, "Accounts in place of AuthUserFile: lines of ftpasswd or /etc/shadow"));
    table.notes = fmt::format(
        "Each line of FILE, and each default of ProFTPD that matters,{} <IfModule> counts as if the module were loaded. "
        "Users of AuthUserFile get sections with their hashes and with the rights that <Limit> and <Directory> give "
        "them.\n\n"
        "Example:\n"
        "  sallyport import proftpd /etc/proftpd/proftpd.conf --output serve.toml\n\n{}",
        outcomes_help, codes_help);
    add_program(import, job, "Import proftpd.conf, with a line for each directive", std::move(table), run_proftpd,
                exit_code);
}

void add_pure_ftpd(CLI::App& import, int& exit_code) {
    auto job = std::make_shared<import_job>(import_job{.program = "pure-ftpd"});
    command_table table;
    table.add("Arguments", {{"SOURCE", "", required(text(job->file)),
                             "pure-ftpd.conf, a directory of options, or a command line in quotes"}});
    table.add("Result", result_rows(*job, "Accounts in place of PAM: the text file of pure-pw, or lines of /etc/shadow"));
    table.notes = fmt::format(
        "SOURCE is a configuration file, Debian's directory with a file for each option, or a command line that begins with "
        "the program's name. Each option, and each default of Pure-FTPd that matters,{} The database of PureDB cannot be "
        "read: name the text file from which pure-pw made it with --users.\n\n"
        "Examples:\n"
        "  sallyport import pure-ftpd /etc/pure-ftpd/conf \\\n"
        "    --users /etc/pure-ftpd/pureftpd.passwd --output serve.toml\n"
        "  sallyport import pure-ftpd 'pure-ftpd -A -E -p 40000:40099 -Y 2' \\\n"
        "    --output serve.toml\n\n{}",
        outcomes_help, codes_help);
    add_program(import, job, "Import the options of Pure-FTPd, with a line for each", std::move(table), run_pure_ftpd,
                exit_code);
}

}  // namespace

void add_import_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("import", "Replace another server: import its configuration, compare both");
    command->require_subcommand(1);
    set_table(*command, {});
    add_vsftpd(*command, exit_code);
    add_proftpd(*command, exit_code);
    add_pure_ftpd(*command, exit_code);
    add_compare_command(*command, exit_code);
}

}  // namespace sallyport::cli
