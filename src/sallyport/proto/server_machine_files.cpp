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

/// There is no file of that name.
bool is_missing(errc code) noexcept {
    return code == errc::not_found || code == errc::not_a_directory || code == errc::name_invalid || code == errc::too_long;
}

}  // namespace

void server_machine::run_file(file_request request) {
    file_ = request;
    act_on(act::run_file{std::move(request)}, awaited::file);
}

void server_machine::on_pwd(const command&) { send_reply(257, quoted(login_.directory) + " is the current directory."); }

void server_machine::on_path(const command& c) {
    if (c.id == verb::size && login_.type == data_type::ascii)
        return send_reply(550, "SIZE is known in TYPE I only: in TYPE A it depends on the lines of the file.");  // FS-08
    if (const auto path = path_of(c)) run_file({.command = c.id, .path = *path});
}

void server_machine::on_cdup(const command& c) { run_file({.command = c.id, .path = login_.directory.parent()}); }

void server_machine::on_mlst(const command& c) {
    if (const auto path = path_of(c)) run_file({.command = c.id, .path = *path, .facts = login_.facts});
}

/// "20260102150405 name" of MFMT and MDTM; nothing where it is not of that form.
std::optional<server_machine::time_to_set> server_machine::time_to_set::parse(std::string_view argument) {
    const std::size_t blank = argument.find(' ');
    const auto time = parse_time(argument.substr(0, blank));
    if (!time || blank == std::string_view::npos || blank + 1 == argument.size()) return std::nullopt;
    return time_to_set{*time, std::string(argument.substr(blank + 1))};
}

void server_machine::set_time(const time_to_set& wanted) {
    const auto path = login_.directory.resolve(wanted.name);
    if (!path) return send_reply(error{errc::name_invalid, 0, {}}, verb::mfmt);
    run_file({.command = verb::mfmt, .path = *path, .modified = wanted.time});
}

void server_machine::on_mfmt(const command& c) {
    const auto wanted = time_to_set::parse(c.argument);
    if (!wanted) return send_reply(501, "MFMT takes a time, YYYYMMDDhhmmss in UTC, and a name.");
    set_time(*wanted);
}

/// RFC 3659 only lets it ask, and there a name may begin with a time and a blank. From before MFMT it sets the time too, and
/// clients rely on that with vsftpd, IIS and others. So a file of the whole name is asked about, where there is one.
void server_machine::on_mdtm(const command& c) {
    time_to_set_ = time_to_set::parse(c.argument);
    const auto whole = login_.directory.resolve(c.argument);
    if (whole) return run_file({.command = c.id, .path = *whole});
    if (time_to_set_) return set_time(*std::exchange(time_to_set_, std::nullopt));
    send_reply(error{errc::name_invalid, 0, {}}, c.id);
}

void server_machine::on_rnto(const command& c) {
    const std::optional<virtual_path> from = std::exchange(login_.rename_from, std::nullopt);
    if (!from) return send_reply(503, "Send RNFR first, directly before RNTO.");
    if (const auto path = path_of(c)) run_file({.command = c.id, .path = *path, .from = *from});
}

void server_machine::on_smnt(const command&) { send_reply(502, "There is nothing to mount here; CWD leads everywhere."); }

void server_machine::file_done(const result<file_result>& outcome) {
    note_activity();
    if (std::exchange(awaited_, awaited::nothing) != awaited::file || closing_) return;
    const file_request request = std::exchange(file_, {});
    const auto wanted = std::exchange(time_to_set_, std::nullopt);
    if (!outcome && wanted && is_missing(outcome.error().code)) return set_time(*wanted);
    if (!outcome) return send_reply(outcome.error(), request.command);
    const file_result& found = *outcome;
    switch (request.command) {
        case verb::cwd:
        case verb::cdup:
            login_.directory = request.path;
            return send_reply(250, quoted(login_.directory) + " is the current directory.");
        case verb::mkd: return send_reply(257, quoted(request.path) + " created.");
        case verb::rmd: return send_reply(250, "Directory removed.");
        case verb::dele: return send_reply(250, "File removed.");
        case verb::rnfr: login_.rename_from = request.path; return send_reply(350, "Ready for RNTO.");
        case verb::rnto: return send_reply(250, "Renamed.");
        case verb::size: return send_reply(213, fmt::format("{}", found.size));
        case verb::mdtm: return send_reply(213, format_time(found.modified));
        case verb::mfmt:
            return send_reply(213, fmt::format("Modify={}; {}", format_time(request.modified), request.path.text()));
        case verb::mlst: return send_reply(250, "Begin", {found.line}, "End.");
        case verb::stat: return send_reply(213, "Status follows:", found.lines, "End of status.");
        default: return send_reply(error{errc::misuse, 0, {}}, request.command);
    }
}

}  // namespace sallyport::proto
