#include <sallyport/client/client.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/client/advice.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/client/directory.hpp>
#include <sallyport/client/listing_collector.hpp>
#include <sallyport/client/remote_file.hpp>
#include <sallyport/client/resume.hpp>
#include <sallyport/client/verdict.hpp>

namespace sallyport::client {

namespace {

using proto::client_failure;
using proto::client_transfer;
using proto::verb;

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

result<std::uint64_t> length_of(int file) {
    struct ::stat about{};
    if (::fstat(file, &about) != 0) return fail_os(errno, "the local file");
    if (!S_ISREG(about.st_mode)) return fail(errc::not_a_file, "only a regular local file can be resumed");
    return static_cast<std::uint64_t>(about.st_size);
}

std::int64_t time_of(int file) {
    struct ::stat about{};
    return ::fstat(file, &about) == 0 ? about.st_mtim.tv_sec : 0;
}

}  // namespace

struct session::impl {
    impl(net::loop& l, options o) : opts(std::move(o)), conn(l, opts) {}

    options opts;
    connection conn;
    directory working_directory{conn};
    url location;
    std::vector<attempt> attempts;
    std::string action;
    std::string path;
    operation current = operation::open;
    bool is_logged_in = false;
    // Bytes that the receiver has of the file; a resumed transfer would start there.
    std::uint64_t received = 0;

    [[nodiscard]] std::unexpected<failure> failed(client_failure failed_step) const {
        failure_context known{location, conn.control().peer(), attempts, path, current};
        known.user = login().user;
        known.protect_data = opts.protect_data;
        known.can_resume = opts.can_resume && !location.ascii && received > 0;
        return std::unexpected(make_failure(std::move(failed_step), known, action));
    }
    [[nodiscard]] std::unexpected<failure> failed(step at, errc code, std::string detail) const {
        return failed(client_failure{at, error{code, 0, std::move(detail)}});
    }
    void start_call(operation call, std::string text, std::string file_path) {
        current = call;
        action = std::move(text);
        path = std::move(file_path);
        received = 0;
        attempts.clear();
    }
    [[nodiscard]] credentials login() const { return opts.login.value_or(login_of(location)); }

    net::task<std::optional<client_failure>> size_of(std::string file, std::optional<std::uint64_t>& size);
    net::task<std::optional<client_failure>> transfer(client_transfer order, data_handler& handler);
    net::task<> query_stored_size(transfer_facts& facts, transfer_report& report);
    net::task<> query_partial_upload(transfer_facts facts);
    [[nodiscard]] transfer_facts facts(const transfer_report& report) const;
    [[nodiscard]] std::optional<client_failure> judge(transfer_report& report, bool size_counts) const;
    void describe(transfer_report& report);
    void warn_of_unreadable_size(transfer_report& report) const;

    [[nodiscard]] static result<void> start_over(int local_file, const std::string& why, transfer_report& report);
    net::task<std::optional<client_failure>> read_listing(client_transfer order, listing_collector& into);
    net::task<outcome<listing_report>> list_directory_entries(std::string argument, std::int64_t now);
    net::task<outcome<listing_report>> list_file(std::string file, client_failure refused, std::int64_t now);
};

// ---- Steps shared by get, put and list

net::task<std::optional<client_failure>> session::impl::size_of(std::string file, std::optional<std::uint64_t>& size) {
    size.reset();
    const auto reply = co_await conn.size(std::move(file));
    if (!reply) co_return reply.error();
    size = *reply;
    co_return std::nullopt;
}

net::task<std::optional<client_failure>> session::impl::transfer(client_transfer order, data_handler& handler) {
    auto failure = co_await conn.transfer(std::move(order), handler);
    attempts = conn.facts().attempts();
    co_return failure;
}

void session::impl::describe(transfer_report& report) {
    if (const auto& data = conn.data()) report.bytes = data->bytes;
    report.tls = conn.data_was_protected();
    report.tls_resumed = conn.data_was_resumed();
    report.attempts = attempts;
    report.final_reply = proto::summary(conn.facts().last_reply());
}

transfer_facts session::impl::facts(const transfer_report& report) const {
    transfer_facts out;
    out.bytes = report.resumed_from + report.bytes;
    out.control = conn.facts().failure();
    if (const auto& data = conn.data()) {
        out.started = true;
        out.data_failure = data->failure;
        out.is_local = data->is_local;
    }
    return out;
}

/// Judges the end of a download or a listing. `size_counts`: the byte count and the server's size are comparable (not in
/// TYPE A).
std::optional<client_failure> session::impl::judge(transfer_report& report, bool size_counts) const {
    auto known = facts(report);
    if (size_counts) known.expected = report.size;
    auto result = client::judge(known);
    std::ranges::move(result.warnings, std::back_inserter(report.warnings));
    return std::move(result.failure);
}

void session::impl::warn_of_unreadable_size(transfer_report& report) const {
    const auto& reply = conn.facts().unreadable_size();
    if (!reply.empty())
        report.warnings.push_back(
            fmt::format("the server's reply to SIZE could not be read, so it was not used: {}", reply));
}

// ---- The calls

credentials login_of(const url& location) {
    credentials out;
    if (location.user) {
        out.user = *location.user;
        out.password.clear();
    }
    if (location.password) out.password = *location.password;
    return out;
}

session::session(net::loop& l, options o) : impl_(std::make_unique<impl>(l, std::move(o))) {}
session::~session() = default;
session::session(session&&) noexcept = default;
session& session::operator=(session&&) noexcept = default;

const std::vector<attempt>& session::attempts() const { return impl_->attempts; }

net::task<outcome<void>> session::open(url location) {
    auto& me = *impl_;
    me.location = std::move(location);
    me.start_call(operation::open, "connecting to " + me.location.authority(), me.location.path);
    server_address server{me.location.host, me.location.port, me.location.tls, {}, {}};
    auto failed_step = co_await me.conn.open(std::move(server), open_depth::login, me.login());
    me.is_logged_in = !failed_step;
    if (!failed_step) co_return outcome<void>{};
    if (failed_step->at == step::login)
        me.action = fmt::format("logging in as {} at {}", me.login().user, me.location.authority());
    auto failure = me.failed(std::move(*failed_step));
    me.conn.close();
    co_return failure;
}

net::task<outcome<transfer_report>> session::get(std::string path, int local_file, download_resume resume,
                                                 progress on_progress) {
    auto& me = *impl_;
    me.start_call(operation::get, fmt::format("getting {} from {}", path, me.location.authority()), path);
    const bool ascii = me.location.ascii;
    transfer_report report;
    if (resume.wanted && ascii)
        co_return me.failed(step::local_file, errc::unsupported, "a text transfer (;type=a) cannot be resumed");
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    if (resume.listed && !ascii) report.size = resume.listed->size;
    if (!report.size && !ascii) {
        auto failed_step = co_await me.size_of(path, report.size);
        if (failed_step) co_return me.failed(std::move(*failed_step));
        me.warn_of_unreadable_size(report);
    }
    // A file that is not longer than the part to compare can as well be received again.
    std::optional<file_version> version;
    const bool needs_version = (resume.wanted || resume.record) && report.size && *report.size > resume_overlap;
    if (needs_version && resume.listed && resume.listed->modified)
        version = file_version{*report.size, *resume.listed->modified};
    else if (needs_version)
        if (const auto time = co_await modification_time(me.conn, path)) version = file_version{*report.size, *time};

    std::uint64_t from = 0;
    if (resume.wanted) {
        const auto have = length_of(local_file);
        if (!have) co_return me.failed(client_failure{step::local_file, have.error()});
        const auto why = *have == 0 ? std::string()
                         : report.size && *report.size <= resume_overlap
                             ? "the file is no longer than the part to compare"
                             : reason_not_to_resume(resume.recorded, version, *have);
        if (why.empty())
            from = *have;
        else if (const auto emptied = me.start_over(local_file, why, report); !emptied)
            co_return me.failed(client_failure{step::local_file, emptied.error()});
    }
    const auto known = report.size;
    for (;;) {
        if (from == 0 && resume.record) resume.record(version);
        if (from > 0 && ::lseek(local_file, static_cast<off_t>(from), SEEK_SET) < 0)
            co_return me.failed(client_failure{step::local_file, {errc::io, errno, "the local file"}});
        std::optional<overlap_check> tail;
        if (from > 0) tail.emplace(local_file, from, version->size);
        file_receiver handler(
            local_file, ascii,
            [from, known, &on_progress](std::uint64_t n) {
                if (on_progress) on_progress(from + n, known);
            },
            tail);
        client_transfer order{verb::retr, path, tail ? tail->start() : 0, ascii};
        const auto reply = co_await me.transfer(std::move(order), handler);
        report.resumed_from = from;
        me.describe(report);
        if (from == 0) break;
        const bool refused = reply && reply->at == step::request && reply->cause.code == errc::unsupported;
        if (!refused && !handler.tail_differs()) {
            const auto& data = me.conn.data();
            if (data && data->failure && !data->is_local && !handler.tail_is_same())
                co_return me.failed(
                    step::transfer, data->failure->code,
                    "the data connection failed while the partial file was compared: " + data->failure->text());
            break;
        }
        const std::string why =
            refused ? reply->cause.text() : "the end of the partial file differs from the file on the server";
        if (const auto emptied = me.start_over(local_file, why, report); !emptied)
            co_return me.failed(client_failure{step::local_file, emptied.error()});
        if (!me.conn.facts().usable())
            co_return me.failed(step::transfer, errc::closed,
                                why + ", and the server closed the control connection; try again");
        from = 0;
    }
    // Without a version, no later call can continue the file.
    me.received = version ? from + report.bytes : 0;
    // Without SIZE, the number in the 150 is used; for a resumed file it may mean either part.
    if (!report.size && !ascii && from == 0) report.size = me.conn.facts().announced();
    if (auto failed_step = me.judge(report, !ascii)) co_return me.failed(std::move(*failed_step));
    co_return report;
}

/// Truncates the local file for a download from the beginning.
result<void> session::impl::start_over(int local_file, const std::string& why, transfer_report& report) {
    if (::ftruncate(local_file, 0) != 0 || ::fdatasync(local_file) != 0 || ::lseek(local_file, 0, SEEK_SET) < 0)
        return fail_os(errno, "truncating the local file");
    report.warnings.push_back("downloaded from the beginning, because " + why);
    return {};
}

net::task<outcome<transfer_report>> session::put(int local_file, std::string path, bool resume, progress on_progress) {
    auto& me = *impl_;
    me.start_call(operation::put, fmt::format("putting {} to {}", path, me.location.authority()), path);
    const bool ascii = me.location.ascii;
    transfer_report report;
    if (resume && ascii)
        co_return me.failed(step::local_file, errc::unsupported, "a text transfer (;type=a) cannot be resumed");
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    std::optional<std::uint64_t> length;
    if (const auto have = length_of(local_file)) length = *have;
    if (resume) {
        if (!length) co_return me.failed(step::local_file, errc::not_a_file, "only a regular local file can be resumed");
        std::optional<std::uint64_t> stored;
        auto failed_step = co_await me.size_of(path, stored);
        if (failed_step) co_return me.failed(std::move(*failed_step));
        me.warn_of_unreadable_size(report);
        std::string why;
        if (stored.value_or(0) > 0) {
            partial_upload upload{path, *stored, local_file, *length, time_of(local_file)};
            why = co_await reason_not_to_resume(me.conn, std::move(upload));
            if (why.empty())
                report.resumed_from = *stored;
            else
                report.warnings.push_back("uploaded from the beginning, because " + why);
            if (!me.conn.facts().usable())
                co_return me.failed(step::transfer, errc::closed,
                                    "the server closed the control connection while its part of the file was compared");
        }
        if (stored == length && why.empty()) {
            report.size = stored;
            co_return report;
        }
    }
    const auto from = report.resumed_from;
    file_sender handler(local_file, from, ascii, [from, length, on_progress = std::move(on_progress)](std::uint64_t n) {
        if (on_progress) on_progress(from + n, length);
    });
    // APPE instead of REST and STOR: it is older than REST, and it appends to the file that SIZE has just measured.
    client_transfer order{from == 0 ? verb::stor : verb::appe, path, 0, ascii};
    const auto reply = co_await me.transfer(std::move(order), handler);
    static_cast<void>(reply);
    me.describe(report);
    auto facts = me.facts(report);
    facts.transfer_direction = direction::upload;
    facts.expected = length;
    if (!ascii && !facts.control) co_await me.query_stored_size(facts, report);
    auto result = judge(facts);
    if (result.failure) {
        if (!ascii && facts.started) co_await me.query_partial_upload(facts);
        co_return me.failed(std::move(*result.failure));
    }
    std::ranges::move(result.warnings, std::back_inserter(report.warnings));
    co_return report;
}

/// The 226 confirms the transfer; SIZE shows how many bytes were stored.
net::task<> session::impl::query_stored_size(transfer_facts& facts, transfer_report& report) {
    const auto lost = co_await size_of(path, report.size);
    facts.stored = report.size;
    if (!lost) warn_of_unreadable_size(report);
    // Some servers move or hide an upload at once; then only the 226 confirms it.
    if (!report.size)
        report.warnings.emplace_back(
            "the server did not report the size of the stored file; only its 226 confirms the upload");
}

/// After a failed upload: queries how much of it the server has stored.
net::task<> session::impl::query_partial_upload(transfer_facts facts) {
    if (!facts.expected || !conn.facts().usable()) co_return;
    if (!facts.stored) {
        const auto lost = co_await size_of(path, facts.stored);
        if (lost) co_return;
    }
    // If the server has more than was sent, it is another file.
    if (facts.stored && *facts.stored <= facts.bytes && *facts.stored < *facts.expected) received = *facts.stored;
}

net::task<outcome<listing_report>> session::list(std::string path, std::int64_t now) {
    auto& me = *impl_;
    me.start_call(operation::list,
                  fmt::format("listing {} at {}", path.empty() ? "the login directory" : path, me.location.authority()),
                  path);
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    if (path.empty()) co_return co_await me.list_directory_entries({}, now);
    auto refused = co_await me.working_directory.enter(path);
    if (!refused) co_return co_await me.list_directory_entries({}, now);
    if (refused->at != step::request || refused->reply_code / 100 != 5) co_return me.failed(std::move(*refused));
    // For servers without CWD, the directory is the argument of the listing command.
    if (is_unknown_command(refused->reply_code)) co_return co_await me.list_directory_entries(std::move(path), now);
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
net::task<outcome<listing_report>> session::impl::list_directory_entries(std::string argument, std::int64_t now) {
    using form = listing_collector::form;
    if (conn.facts().features().may_have_mlsd()) {
        listing_collector facts(form::mlsd, now);
        client_transfer order{verb::mlsd, argument, 0, true};
        auto failed_step = co_await read_listing(std::move(order), facts);
        const bool refused = failed_step && failed_step->at == step::request && should_try_list(failed_step->reply_code);
        if (failed_step && !refused) co_return failed(std::move(*failed_step));
        facts.report().exact_times = true;
        if (!failed_step && !facts.recognized_nothing()) co_return std::move(facts.report());
    }
    listing_collector lines(form::list, now);
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

net::task<outcome<proto::reply>> session::request(proto::verb verb, std::string path) {
    auto& me = *impl_;
    me.start_call(operation::list, fmt::format("changing {} at {}", path, me.location.authority()), path);
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    auto reply = co_await me.conn.request(verb, std::move(path));
    if (!reply) co_return me.failed(std::move(reply.error()));
    co_return std::move(*reply);
}

net::task<outcome<std::string>> session::absolute(std::string path) {
    auto& me = *impl_;
    me.start_call(operation::list, "querying the login directory at " + me.location.authority(), path);
    if (path.starts_with('/')) co_return path;
    auto start = co_await me.working_directory.start();
    if (!start) co_return me.failed(std::move(start.error()));
    if (!start->starts_with('/')) co_return path;
    if (!path.empty() && !start->ends_with('/')) *start += '/';
    co_return *start + path;
}

net::task<> session::quit() {
    auto& me = *impl_;
    co_await me.conn.quit();
}

net::task<> session::cancel() {
    auto& me = *impl_;
    co_await me.conn.cancel();
}

bool session::is_usable() const { return impl_->is_logged_in && impl_->conn.is_open() && impl_->conn.facts().usable(); }

}  // namespace sallyport::client
