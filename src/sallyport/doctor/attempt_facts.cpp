#include <sallyport/doctor/attempt_facts.hpp>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/client/session_facts.hpp>
#include <sallyport/doctor/socket_probe.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::method_facts;
using diagnosis::method_result;
using diagnosis::stream_end;

/// Whether the peer's TCP has acknowledged all that was sent; nothing if the connection is gone.
std::optional<bool> acknowledged(const net::stream& control) {
    if (!control.is_open()) return std::nullopt;
    const auto state = state_of_tcp(control.native_handle());
    return state ? std::optional(state->tcpi_unacked == 0) : std::nullopt;
}

std::string detail_of(const client::connection& session, proto::client_step at, const std::vector<ip_address>& addresses) {
    switch (at) {
        case proto::client_step::resolve: {
            std::vector<std::string> texts;
            for (const auto& each : addresses) texts.push_back(each.text());
            return fmt::format("{}", fmt::join(texts, ", "));
        }
        case proto::client_step::connect: return session.control().peer().text();
        case proto::client_step::greeting: return session.facts().greeting().text();
        case proto::client_step::tls: {
            if (!session.control().is_open() || !session.control().is_tls()) return {};
            const auto tls = session.control().tls();
            return fmt::format("{}, {}", tls.version, tls.cipher);
        }
        default: return {};
    }
}

/// Codes that concern the data connection or its protection, not the listing.
bool concerns_data(int code) { return code == 425 || code == 426 || code == 522 || code == 521 || code == 534; }

void add_end_of_data(const client::transfer_counts& counts, method_facts& m) {
    m.bytes = counts.bytes;
    if (!counts.failure) {
        m.end = stream_end::clean;
        return;
    }
    m.detail = counts.failure->text();
    switch (counts.failure->code) {
        case errc::truncated: m.end = stream_end::truncated; return;
        case errc::reset:
            m.end = stream_end::reset;
            m.result = method_result::reset;
            return;
        case errc::timeout:
            m.end = stream_end::open;
            m.result = method_result::stalled;
            return;
        default: m.result = method_result::failed;
    }
}

/// Of a transfer that hangs at its end: whether the final reply has arrived.
void add_missing_end(const client::connection& session, const proto::client_failure& failure, method_facts& m) {
    if (m.end == stream_end::clean && failure.cause.code == errc::timeout && m.reply_code == 0)
        m.result = method_result::stalled;
    const auto& last = session.facts().last_reply();
    if (m.result != method_result::stalled || m.reply_code != 0 || (last.code != 226 && last.code != 250)) return;
    m.reply = proto::summary(last);
    m.reply_code = last.code;
}

}  // namespace

std::vector<diagnosis::phase> phases_of(const client::connection& session,
                                        const std::optional<proto::client_failure>& failure,
                                        const std::vector<ip_address>& addresses) {
    std::vector<diagnosis::phase> out;
    for (const auto& [at, duration] : session.times()) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
        const auto known = std::ranges::find(out, proto::name(at), &diagnosis::phase::name);
        if (known != out.end())
            known->ms += ms;
        else
            out.push_back({std::string(proto::name(at)), true, ms, {}, 0, failure ? "" : detail_of(session, at, addresses)});
    }
    if (!failure) return out;
    auto failed = std::ranges::find(out, proto::name(failure->at), &diagnosis::phase::name);
    if (failed == out.end())
        failed = out.insert(out.end(), diagnosis::phase{std::string(proto::name(failure->at)), false, 0, {}, 0, {}});
    failed->ok = false;
    failed->error = name(failure->cause.code);
    failed->reply_code = failure->reply_code;
    failed->detail = failure->cause.text();
    return out;
}

method_facts facts_of_attempt(const client::connection& session, proto::data_method method, bool tls,
                              const std::optional<proto::client_failure>& failure) {
    const auto& attempts = session.facts().attempts();
    method_facts m;
    if (attempts.empty()) {
        m.method = method;
        m.tls = tls;
        if (failure) m.detail = failure->cause.text();
        return m;
    }
    m = client::facts_of(attempts.back(), tls);
    if (m.result == method_result::verb_dropped) m.acknowledged = acknowledged(session.control());
    if (attempts.back().failure) return m;
    if (session.data()) add_end_of_data(*session.data(), m);
    if (const auto& data_tls = session.tls_of_data()) m.resumed = data_tls->is_resumed;
    if (!failure) {
        m.reply = proto::summary(session.facts().last_reply());
        m.reply_code = session.facts().last_reply().code;
        return m;
    }
    m.reply = failure->refusal;
    m.reply_code = failure->reply_code;
    add_missing_end(session, *failure, m);
    if (m.detail.empty()) m.detail = failure->cause.text();
    // A listing that is refused says nothing against the data connection; 421 ends the session.
    const bool is_listing = m.reply_code >= 400 && m.reply_code != 421 && !concerns_data(m.reply_code);
    if (m.result == method_result::ok) m.result = is_listing ? method_result::listing_refused : method_result::failed;
    return m;
}

void set_other_address(method_facts& m, method_result other) {
    const bool follows_reply = m.target == m.advertised;
    const bool works = m.result == method_result::ok || m.result == method_result::listing_refused;
    if (!follows_reply && works && other != method_result::ok) {
        m.result = method_result::wrong_address;
        m.target = m.advertised;
        m.detail = fmt::format("a connection to the address in the 227 fails ({}); to the server's it works",
                               diagnosis::name(other));
        m.other_address = method_result::ok;
        return;
    }
    if (follows_reply && !works && other == method_result::ok) m.result = method_result::wrong_address;
    m.other_address = other;
}

method_result result_of_connect(const error& why) {
    switch (why.code) {
        case errc::refused: return method_result::refused;
        // The system's error for ICMPv6 "administratively prohibited".
        case errc::permission:
        case errc::unreachable: return method_result::unreachable;
        case errc::reset: return method_result::reset;
        case errc::timeout: return method_result::silent;
        default: return method_result::failed;
    }
}

bool can_be_traced(const method_facts& m) noexcept {
    if (!m.target || is_active(m.method)) return false;
    return m.result == method_result::silent || m.result == method_result::refused || m.result == method_result::unreachable;
}

}  // namespace sallyport::doctor
