#include <sallyport/client/session_impl.hpp>

#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/client/remote_file.hpp>

namespace sallyport::client {

namespace {

/// Unknown command, not implemented, or not for this path: LIST may still work.
bool should_try_list(int reply_code) { return reply_code >= 500 && reply_code <= 504; }

/// Many servers would take a leading '-' for an option of ls.
std::string not_an_option(const std::string& path) { return path.starts_with('-') ? "./" + path : path; }

/// "550 No members found.": MVS and similar servers refuse to list an empty directory.
bool is_empty_directory(const proto::reply& r) {
    if (r.code != 550 && r.code != 450) return false;
    const std::string text = to_lower(r.text());
    return text.starts_with("no members found") || text.starts_with("no data sets found") ||
           text.starts_with("no files found");
}

/// The server has no such command.
bool is_unknown_command(int reply_code) { return reply_code == 500 || reply_code == 502; }

}  // namespace

net::task<outcome<listing_report>> session::list(std::string path, std::int64_t now, list_form form) {
    auto& me = *impl_;
    me.start_call(operation::list,
                  fmt::format("listing {} at {}", path.empty() ? "the login directory" : path, me.location.authority()),
                  path);
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    if (path.empty()) co_return co_await me.list_directory_entries({}, now, form);
    auto refused = co_await me.working_directory.enter(path);
    if (!refused) co_return co_await me.list_directory_entries({}, now, form);
    if (refused->at != step::request || refused->reply_code / 100 != 5) co_return me.failed(std::move(*refused));
    // For servers without CWD, the directory is the argument of the listing command.
    if (is_unknown_command(refused->reply_code)) co_return co_await me.list_directory_entries(std::move(path), now, form);
    co_return co_await me.list_file(std::move(path), std::move(*refused), now);
}

/// Runs one listing command and collects its lines. If the server refuses the command, no line is added.
net::task<std::optional<client_failure>> session::impl::read_listing(client_transfer order, listing_collector& into) {
    line_receiver handler([&into](std::string_view line) { return into.add_line(line); });
    auto reply = co_await transfer(std::move(order), handler);
    const bool refused = reply && reply->at == step::request;
    if (refused && !is_empty_directory(conn.facts().last_reply())) co_return reply;
    into.report().attempts = attempts;
    if (refused) co_return std::nullopt;
    transfer_report report;
    describe(report);
    if (auto failed_step = judge(report, false)) co_return failed_step;
    into.finish(handler.bad_lines());
    co_return std::nullopt;
}

/// Lists the working directory, or `argument` if the server has no CWD.
net::task<outcome<listing_report>> session::impl::list_directory_entries(std::string argument, std::int64_t now,
                                                                         list_form form) {
    if (form == list_form::best && conn.facts().features().may_have_mlsd()) {
        listing_collector facts(listing_collector::form::mlsd, now);
        client_transfer order{verb::mlsd, argument, 0, true};
        auto failed_step = co_await read_listing(std::move(order), facts);
        const bool refused = failed_step && failed_step->at == step::request && should_try_list(failed_step->reply_code);
        if (failed_step && !refused) co_return failed(std::move(*failed_step));
        facts.report().exact_times = true;
        if (!failed_step && !facts.recognized_nothing()) co_return std::move(facts.report());
    }
    listing_collector lines(listing_collector::form::list, now);
    client_transfer order{verb::list, not_an_option(argument), 0, true};
    auto failed_step = co_await read_listing(std::move(order), lines);
    if (failed_step) co_return failed(std::move(*failed_step));
    if (!lines.recognized_nothing()) co_return std::move(lines.report());
    co_return failed(step::listing, errc::unsupported,
                     fmt::format("none of the {} lines of the listing is in a known format; the first: {}",
                                 lines.report().unrecognized_lines, lines.report().first_unrecognized));
}

/// Lists a path that CWD refused; it may be a file. `refused` is the failure of CWD.
net::task<outcome<listing_report>> session::impl::list_file(std::string file, client_failure refused, std::int64_t now) {
    const std::string name = last_component(file);
    if (!proto::is_safe_name(name)) co_return failed(std::move(refused));
    auto answer = co_await query_file(conn, file);
    if (answer.failure) co_return failed(std::move(*answer.failure));
    listing_report report;
    report.is_directory = false;
    if (answer.file) {
        report.entries.push_back(std::move(*answer.file));
        co_return report;
    }
    if (answer.is_supported) co_return failed(std::move(refused));
    // Neither MLST nor SIZE is supported: list the file. Only its own entry counts, since `ls` accepts patterns and
    // directories too.
    listing_collector lines(listing_collector::form::list, now);
    client_transfer order{verb::list, not_an_option(file), 0, true};
    auto failed_step = co_await read_listing(std::move(order), lines);
    if (failed_step && failed_step->at != step::request) co_return failed(std::move(*failed_step));
    for (auto& e : lines.report().entries)
        if (e.name == name && e.type != proto::entry_type::directory) report.entries.push_back(std::move(e));
    if (failed_step || report.entries.size() != 1) co_return failed(std::move(refused));
    report.attempts = attempts;
    co_return report;
}

}  // namespace sallyport::client
