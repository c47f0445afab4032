#include <sallyport/client/session_impl.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/client/remote_file.hpp>
#include <sallyport/client/resume.hpp>
#include <sallyport/client/unique_name.hpp>

namespace sallyport::client {

namespace {

using proto::client_failure;
using proto::client_transfer;
using proto::verb;

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

// ---- Steps that several calls share

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
    const auto& tls = conn.tls_of_data();
    report.tls = tls.has_value();
    report.tls_resumed = tls && tls->is_resumed;
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

void session::set_pipelining(bool wanted) noexcept { impl_->pipelines = wanted && !impl_->opts.noop_interval; }

std::optional<activity> session::current() const { return impl_->conn.current(); }

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
    if (auto refused = me.check_verification(length_of(local_file).has_value())) co_return me.failed(std::move(*refused));
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
        client_transfer order{verb::retr, path, tail ? tail->start() : 0, ascii, me.pipelines};
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
    const bool sizes_count = !ascii && me.opts.verify != verify_by::none;
    if (auto failed_step = me.judge(report, sizes_count)) co_return me.failed(std::move(*failed_step));
    auto differs = co_await me.verify(path, local_file, from + report.bytes, from > 0, report);
    if (!differs) co_return report;
    // What differs must not be continued.
    if (differs->at == step::verification) {
        me.received = 0;
        if (resume.record) resume.record({});
    }
    co_return me.failed(std::move(*differs));
}

/// Truncates the local file for a download from the beginning.
result<void> session::impl::start_over(int local_file, const std::string& why, transfer_report& report) {
    if (::ftruncate(local_file, 0) != 0 || ::fdatasync(local_file) != 0 || ::lseek(local_file, 0, SEEK_SET) < 0)
        return fail_os(errno, "truncating the local file");
    report.warnings.push_back("downloaded from the beginning, because " + why);
    return {};
}

net::task<outcome<transfer_report>> session::put(upload_source source, std::string path, upload_mode mode,
                                                 progress on_progress) {
    auto& me = *impl_;
    const int local_file = source.file;
    me.start_call(operation::put, fmt::format("putting {} to {}", path, me.location.authority()), path);
    const bool ascii = me.location.ascii;
    const bool resume = mode == upload_mode::resume;
    const bool unique = mode == upload_mode::unique;
    transfer_report report;
    if (resume && ascii)
        co_return me.failed(step::local_file, errc::unsupported, "a text transfer (;type=a) cannot be resumed");
    std::optional<std::uint64_t> length;
    if (const auto have = length_of(local_file)) length = *have;
    if (auto refused = me.check_verification(length && mode != upload_mode::append))
        co_return me.failed(std::move(*refused));
    if (auto failed_step = co_await me.working_directory.leave(path)) co_return me.failed(std::move(*failed_step));
    std::optional<std::uint64_t> before = 0;
    if (auto failed_step = co_await me.find_place(path, mode, before)) co_return me.failed(std::move(*failed_step));
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
            if (auto differs = co_await me.verify(path, local_file, *length, true, report))
                co_return me.failed(std::move(*differs));
            co_return report;
        }
    }
    const auto from = report.resumed_from;
    auto count = [from, length, on_progress = std::move(on_progress)](std::uint64_t n) {
        if (on_progress) on_progress(from + n, length);
    };
    file_sender handler(local_file, from, ascii, std::move(count), std::move(source.check_end));
    // APPE instead of REST and STOR: it is older than REST, and it appends to the file that SIZE has just measured.
    const auto command = unique ? verb::stou : from > 0 || mode == upload_mode::append ? verb::appe : verb::stor;
    const bool sizes_count = !ascii && me.opts.verify != verify_by::none;
    client_transfer order{command, unique ? std::string() : path, 0, ascii, me.pipelines, sizes_count && !unique};
    (void)co_await me.transfer(std::move(order), handler);
    me.describe(report);
    auto facts = me.facts(report);
    facts.transfer_direction = direction::upload;
    facts.expected = length;
    if (unique) me.path = report.stored_as = unique_name_in(me.conn.facts().beginning(), report.final_reply);
    if (sizes_count && !facts.control) co_await me.query_stored_size(facts, report, before);
    auto result = judge(facts);
    if (result.failure) {
        const bool may_continue = !unique && mode != upload_mode::append;
        if (may_continue && !ascii && facts.started) co_await me.query_partial_upload(facts);
        co_return me.failed(std::move(*result.failure));
    }
    std::ranges::move(result.warnings, std::back_inserter(report.warnings));
    if (auto differs = co_await me.verify(me.path, local_file, from + report.bytes, from > 0, report))
        co_return me.failed(std::move(*differs));
    co_return report;
}

/// The 226 confirms the transfer; SIZE shows how many bytes were stored.
net::task<> session::impl::query_stored_size(transfer_facts& facts, transfer_report& report,
                                             std::optional<std::uint64_t> before) {
    std::optional<client_failure> lost;
    if (!path.empty()) lost = co_await size_of(path, report.size);
    if (!before || report.size < before) report.size.reset();
    if (report.size) facts.stored = *report.size - *before;
    if (!lost) warn_of_unreadable_size(report);
    if (report.size) co_return;
    // A server without SIZE answers 500 or 502.
    report.moved_away = !lost && !path.empty() && conn.facts().last_reply().code == 550;
    report.warnings.emplace_back(
        report.moved_away ? "the server moved or hid the file at once; only its 226 confirms the upload"
                          : "the server did not report the size of the stored file; only its 226 confirms the upload");
}

/// Enters the directory for a unique name, and queries the size to which an upload is appended: nothing if the server does
/// not report sizes, 0 for a file that does not exist.
net::task<std::optional<client_failure>> session::impl::find_place(std::string target, upload_mode mode,
                                                                   std::optional<std::uint64_t>& before) {
    if (mode == upload_mode::unique && !target.empty()) co_return co_await working_directory.enter(target);
    if (mode != upload_mode::append || location.ascii) co_return std::nullopt;
    auto lost = co_await size_of(target, before);
    if (!lost && !before && conn.facts().last_reply().code == 550) before = 0;
    co_return lost;
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

net::task<> session::quit() {
    auto& me = *impl_;
    co_await me.conn.quit();
}

net::task<> session::cancel() {
    auto& me = *impl_;
    me.is_cancelled = true;
    co_await me.conn.cancel();
}

net::task<> session::interrupt() {
    auto& me = *impl_;
    const bool is_aborted = co_await me.conn.abort_transfer();
    if (is_aborted) co_return;
    me.is_cancelled = true;
    co_await me.conn.cancel();
}

bool session::is_usable() const {
    const auto& me = *impl_;
    return me.is_logged_in && me.conn.is_open() && !me.is_cancelled && me.conn.facts().usable();
}

}  // namespace sallyport::client
