// sallyport import: makes a configuration of 'sallyport serve' from that of another server.

#include <memory>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/small_file.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/self_signed_certificate.hpp>
#include <sallyport/cli/vsftpd_import.hpp>

namespace sallyport::cli {
namespace {

constexpr int failed = 1;
constexpr int invalid = 2;
constexpr int less_safe = 3;

struct import_job {
    std::string file;
    std::string output;
    std::string users;
    bool accept = false;
};

int refuse(const error& why, int code) {
    fmt::print(stderr, "sallyport import vsftpd: {}\n", line_of(why));
    return code;
}

int run(const import_job& job) {
    const auto text = read_small_file(job.file);
    if (!text) return refuse(text.error(), failed);
    result<std::string> users = std::string();
    if (!job.users.empty()) users = read_small_file(job.users);
    if (!users) return refuse(users.error(), failed);
    const auto imported = import_vsftpd(*text, *users);
    if (!imported) {
        const auto& why = imported.error();
        return refuse({why.code, why.os, why.what.starts_with("--users") ? why.what : job.file + ", " + why.what}, invalid);
    }
    fmt::print("{}", imported->report(job.file));
    if (imported->is_less_safe() && !job.accept)
        return refuse({errc::usage, 0,
                       "the result would be less safe than the source, see the lines above; nothing was written; change the "
                       "source, or add --accept and complete the result by hand"},
                      less_safe);
    if (const auto done = write_new_file(job.output, imported->toml, 0600); !done) return refuse(done.error(), failed);
    fmt::print("Written: {}; check it with 'sallyport serve check DIR --config {}'\n", job.output, job.output);
    return 0;
}

}  // namespace

void add_import_command(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand("import", "Make a configuration for serve from that of another server");
    command->require_subcommand(1);
    set_table(*command, {});
    auto job = std::make_shared<import_job>();
    CLI::App* vsftpd = command->add_subcommand("vsftpd", "Import vsftpd.conf, with a line for each setting");
    command_table table;
    table.add("Arguments", {{"FILE", "", required(text(job->file)), "The file vsftpd.conf"}});
    table.add("Result",
              {{"-o,--output", "FILE", required(text(job->output)), "Configuration file to write; none is overwritten"},
               {"--users", "FILE", text(job->users),
                "Accounts to add: lines of NAME:HASH, as in /etc/shadow or from htpasswd", "none"},
               {"--accept", "", flag(job->accept), "Write the result although it is less safe than the source"}});
    table.notes =
        "Each setting of FILE, and each default of vsftpd that matters, has a line in the report: taken over, nearest "
        "equivalent, dropped, or LESS SAFE, with what it has become or the reason.\n\n"
        "Example:\n"
        "  sallyport import vsftpd /etc/vsftpd.conf --users /etc/shadow \\\n"
        "    --output serve.toml\n\n"
        "Exit codes: 0 success, 1 a file cannot be read or written, 2 invalid options or FILE, 3 the result would be less "
        "safe.";
    set_table(*vsftpd, std::move(table));
    vsftpd->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
