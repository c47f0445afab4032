#include <sallyport/doctor/comparisons.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <random>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/client/data_handler.hpp>
#include <sallyport/doctor/attempt_facts.hpp>
#include <sallyport/doctor/path_probe.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::facts;
using diagnosis::method_facts;
using diagnosis::method_result;
using proto::data_method;

/// Every path carries such segments: they fit into the smallest packet that each IPv4 host must accept (RFC 879).
constexpr int small_segment = 536;
constexpr std::size_t upload_bytes = diagnosis::upload_kib * 1024;
/// Between the reply that names a port, or the transfer command, and a late connection.
constexpr std::chrono::milliseconds late(500);
constexpr std::chrono::milliseconds late_connect_wait(1200);
/// For the reply to LIST, while the late connection is made.
constexpr std::chrono::milliseconds list_wait(2000);
/// For the reply after an upload.
constexpr std::chrono::milliseconds upload_wait(8000);
/// Nothing else than the file is received again, with a header of a load balancer at most.
constexpr std::size_t max_received = 2 * upload_bytes;

bool is_encrypted(const comparison_settings& settings) { return settings.server.tls != client::tls_mode::none; }

template <class Found>
void add(const comparison_settings& settings, std::vector<Found>& into, Found found) {
    into.push_back(std::move(found));
    settings.after_change();
}

void leave_out(const comparison_settings& settings, facts& into, std::string text) {
    add(settings, into.not_measured, std::move(text));
}

/// The session is logged in; nothing, and a note, if the server did not admit it.
net::task<bool> open_session(client::connection& session, const comparison_settings& settings, std::string what,
                             facts& into) {
    const auto failure = co_await session.open(settings.server, client::open_depth::login, settings.login);
    if (failure)
        leave_out(settings, into, fmt::format("{}: no further session was admitted ({})", what, failure->cause.text()));
    co_return !failure;
}

proto::client_transfer listing_of(const comparison_settings& settings) {
    return {.command = proto::verb::list, .path = settings.path.ends_with('/') ? settings.path : std::string()};
}

struct listing {
    method_facts attempt;
    // Of the control connection; empty without TLS.
    std::string tls_version;
};

/// One listing with the method of `how`, after a negotiation with `before`. Nothing if there was no session.
net::task<std::optional<listing>> list_once(net::loop& loop, const comparison_settings& settings,
                                            client::connection_options how, std::optional<data_method> before,
                                            std::string what, facts& into) {
    const auto method = how.methods.front();
    client::connection session(loop, std::move(how));
    const bool opened = co_await open_session(session, settings, std::move(what), into);
    if (!opened) co_return std::nullopt;
    std::string version;
    if (is_encrypted(settings)) version = session.control().tls().version;
    if (before) (void)co_await negotiate(session, *before);
    client::discarder sink;
    auto order = listing_of(settings);
    const auto failure = co_await session.transfer(std::move(order), sink);
    listing out{facts_of_attempt(session, method, is_encrypted(settings), failure), std::move(version)};
    co_await session.quit();
    co_return out;
}

/// Of the attempts as the URL asks, not those of unencrypted sessions in addition to it.
const method_facts* find_attempt(const facts& known, bool tls, bool (*is)(const method_facts&)) {
    const auto found =
        std::ranges::find_if(known.methods, [tls, is](const method_facts& m) { return m.tls == tls && is(m); });
    return found == known.methods.end() ? nullptr : &*found;
}

bool is_stalled(const method_facts& m) {
    return !is_active(m.method) && m.result == method_result::stalled && m.end != diagnosis::stream_end::clean;
}

bool is_refused(const method_facts& m) { return !is_active(m.method) && m.result == method_result::refused; }

bool is_passive_and_usable(const method_facts& m) { return !is_active(m.method) && succeeded(m.result); }

/// Established, and then not as it should be: what TLS decides.
bool failed_later(const method_facts& m) {
    return !is_active(m.method) && m.tls && (m.result == method_result::failed || m.result == method_result::reset);
}

/// Whether a client would go on to another method after this one.
bool makes_clients_fall_over(const method_facts& m) {
    return !is_active(m.method) && !succeeded(m.result) && m.result != method_result::verb_dropped &&
           m.result != method_result::failed;
}

// ---- The time of a connection

/// Shared by the session that waits for the reply to LIST and the connection that is made meanwhile.
struct late_connection {
    explicit late_connection(net::loop& loop) : finished(loop) {}
    method_result result = method_result::failed;
    net::event finished;
};

net::task<> connect_late(net::loop& loop, ip_address from, endpoint to, std::shared_ptr<late_connection> state) {
    co_await loop.sleep_for(late);
    state->result = co_await connect_once(loop, from, to, late_connect_wait);
    state->finished.set();
}

// ---- The upload

class collector final : public client::receiver {
public:
    collector() : receiver(max_received) {}
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    bool take(std::span<char> block, client::transfer_counts& out) override {
        out.bytes += block.size();
        text_.append(block.data(), block.size());
        return text_.size() <= max_received;
    }

    std::string text_;
};

/// The file that is sent.
result<unique_fd> file_with(const std::string& content) {
    unique_fd out(::memfd_create("sallyport-doctor", MFD_CLOEXEC));
    if (!out || ::write(out.get(), content.data(), content.size()) != std::ssize(content))
        return fail_os(errno, "cannot make the file of the upload");
    return out;
}

std::string random_name() {
    std::random_device random;
    return fmt::format("sallyport-doctor-{:08x}{:08x}.txt", random(), random());
}

std::string content_of_upload() {
    std::string out;
    for (unsigned i = 0; out.size() < upload_bytes; ++i)
        out += fmt::format("{:05} A test of 'sallyport doctor'; this file can be deleted.\r\n", i);
    out.resize(upload_bytes);
    return out;
}

/// What the file has become on its way; empty if it is the same.
std::string difference(const std::string& sent, const std::string& received) {
    if (received == sent) return {};
    constexpr std::string_view second_version("\r\n\r\n\0\r\nQUIT\n", 12);
    if (received.starts_with("PROXY ") || received.starts_with(second_version)) return "PROXY header";
    if (sent.starts_with(received)) return "truncated";
    return "changed";
}

net::task<> compare_segments(net::loop& loop, const comparison_settings& settings, facts& into) {
    const auto* const stalled = find_attempt(into, is_encrypted(settings), is_stalled);
    if (stalled == nullptr) co_return;
    auto how = settings.options_for(stalled->method);
    how.max_segment = small_segment;
    auto again = co_await list_once(loop, settings, std::move(how), {}, "smaller TCP segments", into);
    if (!again) co_return;
    const auto& got = again->attempt;
    add(settings, into.compared.segments, {got.method, got.tls, small_segment, got.result, got.bytes});
}

net::task<> compare_sequences(net::loop& loop, const comparison_settings& settings, facts& into) {
    std::vector<std::pair<data_method, data_method>> pairs;
    for (const auto& first : into.methods)
        for (const auto& second : into.methods) {
            const bool differs =
                first.method != second.method && first.tls == is_encrypted(settings) && second.tls == first.tls;
            if (!differs || is_active(first.method) || !succeeded(second.result)) continue;
            if (makes_clients_fall_over(first) || (settings.all && succeeded(first.result)))
                pairs.emplace_back(first.method, second.method);
        }
    for (const auto& [first, second] : pairs) {
        auto how = settings.options_for(second);
        auto what = fmt::format("{} after {}", proto::name(second), proto::name(first));
        const auto listed = co_await list_once(loop, settings, std::move(how), first, std::move(what), into);
        if (!listed) co_return;
        const auto& got = listed->attempt;
        add(settings, into.compared.sequences, {first, second, got.tls, got.result, got.reply_code, got.reply});
    }
}

net::task<> compare_timing(net::loop& loop, const comparison_settings& settings, facts& into) {
    const auto* const refused = find_attempt(into, is_encrypted(settings), is_refused);
    if (refused == nullptr) co_return;
    const auto method = refused->method;
    for (const bool after_command : {false, true}) {
        auto how = settings.options_for(method);
        // The server may wait for a data connection that does not come.
        how.reply = std::min<std::chrono::milliseconds>(how.reply, list_wait);
        client::connection session(loop, std::move(how));
        const bool opened = co_await open_session(session, settings, "a later connection", into);
        if (!opened) co_return;
        const auto to = co_await negotiate(session, method);
        // This port may be open all the time, where others of the range are not.
        const auto from = session.control().local().address;
        const bool is_closed = to && co_await connect_once(loop, from, *to, late_connect_wait) == method_result::refused;
        if (is_closed) {
            const auto state = std::make_shared<late_connection>(loop);
            loop.spawn("connecting late", connect_late(loop, from, *to, state));
            if (after_command) (void)co_await session.request(proto::verb::list, {});
            (void)co_await state->finished.wait(net::deadline::max());
            add(settings, into.compared.timings, {method, is_encrypted(settings), after_command, state->result});
        }
        session.close();
    }
}

net::task<> compare_tls(net::loop& loop, const comparison_settings& settings, facts& into) {
    if (!is_encrypted(settings) || !settings.tls12) co_return;
    const auto* const failed = find_attempt(into, true, failed_later);
    const auto* const any = failed != nullptr ? failed : find_attempt(into, true, is_passive_and_usable);
    if (any == nullptr || (failed == nullptr && !settings.all)) co_return;
    const auto method = any->method;
    for (const bool old_version : {false, true})
        for (const bool resume : {true, false}) {
            auto how = settings.options_for(method);
            if (old_version) how.tls = settings.tls12;
            how.resume_data = resume;
            auto what = fmt::format("TLS{}{}", old_version ? " 1.2" : "", resume ? "" : " without session reuse");
            const auto listed = co_await list_once(loop, settings, std::move(how), {}, std::move(what), into);
            if (!listed) continue;
            const auto& got = listed->attempt;
            add(settings, into.compared.tls_versions,
                {listed->tls_version, resume, got.result, got.resumed, got.reply_code, got.reply});
        }
}

net::task<> try_upload(net::loop& loop, const comparison_settings& settings, facts& into) {
    const auto* const works =
        find_attempt(into, is_encrypted(settings), [](const method_facts& m) { return succeeded(m.result); });
    if (works == nullptr) {
        leave_out(settings, into, "the upload: no data connection works");
        co_return;
    }
    const auto content = content_of_upload();
    const auto file = file_with(content);
    if (!file) {
        leave_out(settings, into, "the upload: " + file.error().text());
        co_return;
    }
    const auto method = works->method;
    auto how = settings.options_for(method);
    how.reply = std::min<std::chrono::milliseconds>(how.reply, upload_wait);
    client::connection session(loop, std::move(how));
    const bool opened = co_await open_session(session, settings, "the upload", into);
    if (!opened) co_return;
    const auto directory = settings.path.ends_with('/') ? settings.path : std::string();
    const auto name = directory + random_name();
    client::file_sender out(file->get(), 0, false, [](std::uint64_t) {});
    proto::client_transfer store{.command = proto::verb::stor, .path = name};
    const auto failure = co_await session.transfer(std::move(store), out);
    const auto sent = facts_of_attempt(session, method, is_encrypted(settings), failure);
    diagnosis::upload_facts found{sent.result, sent.reply_code, sent.reply, {}, {}};
    if (!failure) {
        collector in;
        proto::client_transfer retrieve{.command = proto::verb::retr, .path = name};
        const auto refused = co_await session.transfer(std::move(retrieve), in);
        if (!refused && session.data() && !session.data()->failure)
            found.difference = difference(content, in.text());
        else
            leave_out(settings, into, "what the file of the upload has become: it could not be received");
    }
    // A part of it may be there.
    bool is_left = !failure || session.data();
    if (is_left && session.is_open()) {
        const auto removed = co_await session.request(proto::verb::dele, name);
        // Servers with atomic uploads leave nothing of an upload that failed.
        const bool was_there = !failure || !removed || removed->code != 550;
        is_left = was_there && (!removed || !removed->positive());
    }
    if (is_left) found.left_over = name;
    into.compared.upload = std::move(found);
    settings.after_change();
    co_await session.quit();
}

}  // namespace

net::task<> compare_sessions(net::loop& loop, const comparison_settings& settings, facts& into) {
    co_await compare_segments(loop, settings, into);
    co_await compare_sequences(loop, settings, into);
    co_await compare_timing(loop, settings, into);
    co_await compare_tls(loop, settings, into);
    if (settings.upload) co_await try_upload(loop, settings, into);
}

}  // namespace sallyport::doctor
