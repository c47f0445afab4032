#include <sallyport/proto/server_files.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/failure_reply.hpp>
#include <sallyport/proto/list_argument.hpp>
#include <sallyport/proto/text_lines.hpp>

namespace sallyport::proto {
namespace {

/// A quote within the name is doubled (RFC 959, appendix II).
[[nodiscard]] std::string quoted(const virtual_path& path) {
    std::string out = "\"";
    for (const char c : path.text()) {
        if (c == '"') out += '"';
        out += c;
    }
    return out += '"';
}

/// True if no file has that name.
[[nodiscard]] bool is_missing(errc code) noexcept {
    return code == errc::not_found || code == errc::not_a_directory || code == errc::name_invalid || code == errc::too_long;
}

[[nodiscard]] reply failed(error cause, verb id) { return as_reply(reply_for(cause, id)); }
[[nodiscard]] reply invalid_name(verb id) { return failed({errc::name_invalid, 0, {}}, id); }

/// "SHA-256 0-49 6ecd90... /a": the range has the offsets of its first and its last byte.
[[nodiscard]] reply hash_reply(const file_request& request, const file_result& answer) {
    const std::uint64_t begin = request.range.begin;
    const std::uint64_t last = begin + (answer.size > 0 ? answer.size - 1 : 0);
    return {213, {fmt::format("{} {}-{} {} {}", name(request.algorithm), begin, last, answer.line, request.path.text())}};
}

}  // namespace

void server_files::note_command(verb id) noexcept {
    if (id != verb::rnto) rename_from_.reset();
}

server_files::step server_files::start(const command& c, data_type type, const byte_range& range) {
    if (const auto algorithm = algorithm_of(c.id)) return hash(c, *algorithm);
    switch (c.id) {
        case verb::pwd: return reply{257, {quoted(directory_) + " is the current directory."}};
        case verb::cdup: return run({.command = c.id, .path = directory_.parent()});
        case verb::smnt: return reply{502, {"SMNT is not supported; use CWD."}};
        case verb::rnto: return rename(c);
        case verb::mdtm: return modification_time(c);
        case verb::mlst: return run_at_path(c.argument, {.command = c.id, .facts = options_.facts});
        case verb::hash:
            return run_at_path(c.argument, {.command = c.id, .facts = {}, .algorithm = options_.algorithm, .range = range});
        case verb::stat: return status(c);
        case verb::mfmt: return change(c.id, parse_mfmt(c.argument));
        case verb::mff: return change(c.id, parse_mff(c.argument));
        case verb::size:
            // FS-08
            if (type == data_type::ascii) return reply{550, {"SIZE requires TYPE I; send TYPE I first."}};
            return run_at_path(c.argument, {.command = c.id});
        default: return run_at_path(c.argument, {.command = c.id});
    }
}

server_files::step server_files::run(file_request request) {
    request_ = request;
    return request;
}

server_files::step server_files::run_at_path(std::string_view name, file_request request) {
    auto path = directory_.resolve(name);
    if (!path) return invalid_name(request.command);
    request.path = std::move(*path);
    return run(std::move(request));
}

server_files::step server_files::run_at_name(std::string_view name, file_request request,
                                             std::optional<file_request> otherwise) {
    const auto whole = directory_.resolve(name);
    if (!whole && otherwise) return run(std::move(*otherwise));
    otherwise_ = std::move(otherwise);
    return run_at_path(name, std::move(request));
}

/// In RFC 3659, MDTM only queries the time, and a name may start with a time and a blank. Before MFMT existed, MDTM also set
/// the time, and clients rely on that with vsftpd, IIS and others.
server_files::step server_files::modification_time(const command& c) {
    std::optional<file_request> change;
    if (const auto wanted = parse_mfmt(c.argument))
        if (const auto path = directory_.resolve(wanted->name))
            change = {.command = verb::mfmt, .path = *path, .modified = wanted->modified};
    return run_at_name(c.argument, {.command = c.id}, std::move(change));
}

server_files::step server_files::change(verb id, const std::expected<file_change, reply>& wanted) {
    if (!wanted) return wanted.error();
    return run_at_path(wanted->name, {.command = id, .modified = wanted->modified, .mode = wanted->mode, .facts = {}});
}

server_files::step server_files::hash(const command& c, hash_algorithm algorithm) {
    const auto argument = hash_argument::parse(c.argument);
    if (!argument) return reply{501, {fmt::format("Syntax: {} {}", row_of(c.id).name, row_of(c.id).syntax)}};
    const file_request request{.command = c.id, .facts = {}, .algorithm = algorithm, .range = argument->range};
    std::optional<file_request> part;
    if (argument->otherwise) {
        if (const auto path = directory_.resolve(argument->otherwise->first)) {
            part = request;
            part->path = *path;
            part->range = argument->otherwise->second;
        }
    }
    return run_at_name(argument->name, request, std::move(part));
}

server_files::step server_files::rename(const command& c) {
    const std::optional<virtual_path> from = std::exchange(rename_from_, std::nullopt);
    if (!from) return reply{503, {std::string(replies::rnfr_first)}};
    return run_at_path(c.argument, {.command = c.id, .from = *from});
}

server_files::step server_files::status(const command& c) {
    auto listed = listing(c);
    if (!listed) return std::move(listed.error());
    auto path = listed->path;
    return run({.command = c.id, .path = std::move(path), .facts = {}, .listing = std::move(*listed)});
}

server_files::step server_files::finish(const result<file_result>& outcome) {
    const file_request request = std::exchange(request_, {});
    auto otherwise = std::exchange(otherwise_, std::nullopt);
    if (request.listing) return end_of_status(outcome);
    if (outcome) return reply_to(request, *outcome);
    if (otherwise && is_missing(outcome.error().code)) return run(std::move(*otherwise));
    return failed(outcome.error(), request.command);
}

reply server_files::end_of_status(const result<file_result>& outcome) {
    const bool started = std::exchange(lines_started_, false);
    if (!outcome && !started) return failed(outcome.error(), verb::stat);
    if (!outcome) return {213, {"The listing is incomplete: " + failed(outcome.error(), verb::stat).text()}};
    if (!started) return {213, {std::string(status_follows), "End of status."}};
    return {213, {"End of status."}};
}

reply server_files::reply_to(const file_request& request, const file_result& answer) {
    if (algorithm_of(request.command)) return {250, {answer.line}};
    switch (request.command) {
        case verb::hash: return hash_reply(request, answer);
        case verb::cwd:
        case verb::cdup:
            directory_ = request.path;
            return with_lines(answer.message, {250, {quoted(directory_) + " is the current directory."}});
        case verb::mkd: return {257, {quoted(request.path) + " created."}};
        case verb::rmd: return {250, {"Directory removed."}};
        case verb::dele: return {250, {"File removed."}};
        case verb::rnfr: rename_from_ = request.path; return {350, {"Ready for RNTO."}};
        case verb::rnto: return {250, {"Renamed."}};
        case verb::size: return {213, {fmt::format("{}", answer.size)}};
        case verb::mdtm: return {213, {format_time(answer.modified)}};
        case verb::mfmt:
        case verb::mff:
            return {213, {fmt::format("{} {}", text_of_facts(request.modified, request.mode), request.path.text())}};
        case verb::site: return {200, {request.mode ? "Permissions changed." : "Time changed."}};
        case verb::avbl: return {213, {fmt::format("{}", answer.size)}};
        case verb::mlst: return {250, {"Begin", answer.line, "End."}};
        default: return failed({errc::misuse, 0, {}}, request.command);
    }
}

std::expected<transfer_request, reply> server_files::listing(const command& c) const {
    const list_argument argument = list_argument::parse(c.argument);
    const auto path = directory_.resolve(argument.path);
    if (!path) return std::unexpected(invalid_name(c.id));
    transfer_request request{.command = c.id,
                             .path = *path,
                             .pattern = std::string(argument.pattern),
                             .prefix = c.id == verb::nlst ? std::string(argument.path) : std::string(),
                             .show_hidden = argument.show_hidden,
                             .facts = options_.facts};
    const auto may_be = [&](std::string_view text) {
        if (auto named = directory_.resolve(text)) request.names.push_back({std::move(*named), std::string(text)});
    };
    // MLSD has no options (RFC 3659, section 7.2).
    if (c.id == verb::mlsd && c.argument.starts_with('-')) may_be(c.argument);
    if (!argument.unusual.empty()) may_be(argument.unusual);
    if (!argument.pattern.empty()) may_be(argument.name);
    return request;
}

}  // namespace sallyport::proto
