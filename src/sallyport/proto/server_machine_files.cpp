// Directories and files without a data connection: CWD CDUP PWD MKD RMD DELE RNFR RNTO SIZE MDTM MLST MFMT SMNT.

#include <sallyport/proto/server_machine.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/proto/listing.hpp>

namespace sallyport::proto {
namespace {

/// RFC 959 appendix II: a quote within the name is doubled.
std::string quoted(const virtual_path& path) {
    std::string out = "\"";
    for (const char c : path.text()) {
        if (c == '"') out += '"';
        out += c;
    }
    return out += '"';
}

}  // namespace

void server_machine::run_file(file_request request) {
    file_ = request;
    act_on(act::run_file{std::move(request)}, awaited::file);
}

void server_machine::on_pwd(const command&) { say(257, quoted(login_.directory) + " is the current directory."); }

void server_machine::on_path(const command& c) {
    if (c.id == verb::size && login_.type == data_type::ascii)
        return say(550, "SIZE is known in TYPE I only: in TYPE A it depends on the lines of the file.");  // FS-08
    if (const auto path = path_of(c)) run_file({.what = c.id, .path = *path});
}

void server_machine::on_cdup(const command& c) { run_file({.what = c.id, .path = login_.directory.parent()}); }

void server_machine::on_mlst(const command& c) {
    if (const auto path = path_of(c)) run_file({.what = c.id, .path = *path, .facts = login_.facts});
}

/// "20260102150405 name".
void server_machine::on_mfmt(const command& c) {
    const std::size_t blank = c.argument.find(' ');
    const auto time = parse_time(std::string_view(c.argument).substr(0, blank));
    if (!time || blank == std::string::npos || blank + 1 == c.argument.size())
        return say(501, "MFMT takes a time, YYYYMMDDhhmmss in UTC, and a name.");
    const auto path = login_.directory.resolve(std::string_view(c.argument).substr(blank + 1));
    if (!path) return say(error{errc::name_invalid, 0, {}}, c.id);
    run_file({.what = c.id, .path = *path, .modified = *time});
}

void server_machine::on_rnto(const command& c) {
    const std::optional<virtual_path> from = std::exchange(login_.rename_from, std::nullopt);
    if (!from) return say(503, "Send RNFR first, directly before RNTO.");
    if (const auto path = path_of(c)) run_file({.what = c.id, .path = *path, .from = *from});
}

void server_machine::on_smnt(const command&) { say(502, "There is nothing to mount here; CWD leads everywhere."); }

void server_machine::file_done(const result<file_answer>& outcome) {
    if (std::exchange(awaited_, awaited::nothing) != awaited::file || closing_) return;
    const file_request request = std::exchange(file_, {});
    if (!outcome) return say(outcome.error(), request.what);
    const file_answer& found = *outcome;
    switch (request.what) {
        case verb::cwd:
        case verb::cdup:
            login_.directory = request.path;
            return say(250, quoted(login_.directory) + " is the current directory.");
        case verb::mkd: return say(257, quoted(request.path) + " created.");
        case verb::rmd: return say(250, "Directory removed.");
        case verb::dele: return say(250, "File removed.");
        case verb::rnfr: login_.rename_from = request.path; return say(350, "Ready for RNTO.");
        case verb::rnto: return say(250, "Renamed.");
        case verb::size: return say(213, fmt::format("{}", found.size));
        case verb::mdtm: return say(213, format_time(found.modified));
        case verb::mfmt: return say(213, fmt::format("Modify={}; {}", format_time(request.modified), request.path.text()));
        case verb::mlst: return say(250, "Begin", {found.line}, "End.");
        case verb::stat: return say(213, "Status follows:", found.lines, "End of status.");
        default: return say(error{errc::misuse, 0, {}}, request.what);
    }
}

}  // namespace sallyport::proto
