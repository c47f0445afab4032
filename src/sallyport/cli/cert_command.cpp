// sallyport cert: creates a private key and a self-signed certificate.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/self_signed_certificate.hpp>
#include <sallyport/cli/utc_text.hpp>
#include <sallyport/net/certificate_file.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;

struct cert_job {
    std::vector<std::string> names;
    std::string output;
    int days = certificate_days;
};

int report(const error& why) {
    fmt::print(stderr, "sallyport cert: {}\n", line_of(why));
    return why.code == errc::usage || why.code == errc::syntax || why.code == errc::name_invalid ? 2 : 1;
}

/// The file with the certificate alone, in the same directory as the file that also contains the key.
fs::path for_clients(const fs::path& file) {
    auto out = file;
    return out.replace_extension(".crt");
}

result<void> write_both(const cert_job& job, const fs::path& file) {
    const auto refuse = [](const error& why) {
        return fail(errc::io, fmt::format("--output: {}; {}", why.text(),
                                          why.code == errc::exists ? "nothing is overwritten, remove it or name another file"
                                                                   : "name a file in a directory that you may write"));
    };
    if (for_clients(file) == file)
        return fail(errc::usage, fmt::format("--output {}: .crt is for the certificate alone; name a file such as {}",
                                             file.string(), fs::path(file).replace_extension(".pem").string()));
    if (fs::exists(for_clients(file))) return refuse({errc::exists, EEXIST, for_clients(file).string()});
    const auto made = net::make_self_signed(job.names, job.days);
    if (!made) return fail(made.error().code, fmt::format("NAME: {}; use host names and addresses", made.error().text()));
    // If the directory cannot be created, creating the file fails and reports it.
    std::error_code failed;
    if (file.has_parent_path()) fs::create_directory(file.parent_path(), failed);
    if (const auto done = write_new_file(file.string(), made->key + made->certificate, 0600); !done)
        return refuse(done.error());
    if (const auto done = write_new_file(for_clients(file).string(), made->certificate, 0644); !done)
        return refuse(done.error());
    return {};
}

int run(const cert_job& job) {
    if (std::ranges::any_of(job.names, [](const std::string& n) { return n.empty() || n.find('/') != n.npos; }))
        return report({errc::usage, 0, "NAME: invalid name; use host names and addresses, for example ftp.example.org"});
    const fs::path file = job.output.empty() ? fs::path(job.names.front() + ".pem") : fs::path(job.output);
    if (const auto done = write_both(job, file); !done) return report(done.error());
    const auto facts = net::read_certificate(file.string());
    if (!facts) return report(facts.error());
    fmt::print(
        "{}: private key and certificate for the server, valid until {}\n"
        "{}: the certificate alone, for clients to trust (curl --cacert, sallyport --ca)\n"
        "SHA-256 {}\n"
        "Use it:  sallyport serve DIR --tls-cert {}\n",
        file.string(), utc_date(facts->not_after), for_clients(file).string(), facts->fingerprint,
        shell_word(file.string()));
    return 0;
}

}  // namespace

void add_cert_command(CLI::App& app, int& exit_code) {
    auto job = std::make_shared<cert_job>();
    CLI::App* command = app.add_subcommand("cert", "Create a private key and a self-signed certificate for --tls-cert");
    command_table table;
    table.add("Arguments", {{"NAME", "", required(texts(job->names)),
                             "Host names and addresses of the server; the first is the main one"}});
    table.add("Certificate", {{"-o,--output", "FILE", text(job->output),
                               "File for key and certificate; FILE.crt gets the certificate alone", "NAME.pem"},
                              {"--days", "N", count(job->days, {.max = 3650}), "Days until the certificate expires"}});
    table.notes =
        "No file is overwritten. A client accepts the certificate if it trusts the .crt file, or if its user has compared "
        "the fingerprint.\n\n"
        "Example:\n"
        "  sallyport cert ftp.example.org --output /etc/sallyport/gate.pem\n\n"
        "Exit codes: 0 success, 1 failed to write the files, 2 invalid options.";
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = run(*job); });
}

}  // namespace sallyport::cli
