// What is told of a session and its transfer while they run, and of a transfer at its end, as one record (G12).

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/front/login_text.hpp>
#include <sallyport/gate/session.hpp>

namespace sallyport::gate {

using status::transfer_end;

transfer_end end_of(const proto::data_outcome& outcome, bool too_late) {
    using proto::data_end;
    switch (outcome.end) {
        case data_end::complete: return transfer_end::complete;
        case data_end::not_established: return transfer_end::deadline;
        case data_end::aborted: return transfer_end::aborted;
        case data_end::backend_unreachable:
        case data_end::backend_failed: return too_late ? transfer_end::deadline : transfer_end::backend;
        case data_end::client_never_came:
        case data_end::client_not_bound:
        case data_end::client_failed: break;
    }
    return too_late ? transfer_end::deadline : transfer_end::client;
}

namespace {

[[nodiscard]] std::string tls_version(const net::stream& s) { return s.is_tls() ? s.tls().version : std::string(); }

[[nodiscard]] status::transfer_record record_of(const proto::relay_plan& plan, net::deadline begun) {
    status::transfer_record r;
    r.verb = proto::row_of(plan.what).name;
    r.path = plan.path;
    r.cwd = plan.cwd;
    r.upload = plan.upload;
    r.route = name(plan.data_path.route);
    r.data_path_reason = name(plan.data_path.reason);
    r.front.data_tls = plan.protect_client;
    r.front.method = name(plan.asked);
    r.behind.data_tls = plan.protect_backend;
    r.behind.method = name(plan.behind);
    r.lasted = net::clock::now() - begun;
    return r;
}

[[nodiscard]] status::running_transfer running(const proto::relay_plan& plan, net::deadline begun) {
    return {.verb = std::string(proto::row_of(plan.what).name),
            .path = plan.path,
            .upload = plan.upload,
            .method = std::string(name(plan.asked)) + '/' + std::string(name(plan.behind)),
            .route = std::string(name(plan.data_path.route)),
            .data_path_reason = std::string(name(plan.data_path.reason)),
            .bytes = {},
            .age = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - begun)};
}

}  // namespace

status::transfer_record data_path::record() const {
    auto r = record_of(plan_, begun_);
    r.front.bytes = {.from = counts_.from_a, .to = counts_.b_to_a};
    r.behind.bytes = {.from = counts_.from_b, .to = counts_.a_to_b};
    return r;
}

// ---- Past the gateway

void session::begin_direct(proto::relay_plan plan) {
    status::count(gate_->counters.transfers_running);
    direct_.emplace(std::move(plan));
    if (led_due() != net::deadline::max()) client_.interrupt_read();  // it waits by a deadline from before
}

/// The backend's word is all there is to go by.
void session::end_direct(int reply) {
    const auto past = std::exchange(direct_, std::nullopt);
    if (!past) return;
    auto& counters = gate_->counters;
    const bool complete = reply >= 200 && reply <= 299;
    status::uncount(counters.transfers_running);
    status::count(complete ? counters.transfers_complete : counters.transfers_failed);
    port_ = {};
    port_behind_ = {};
    led_ = {};
    activity_ = net::clock::now();
    add_to_summary(record_of(past->plan, past->begun), complete);
    log(log::level::info,
        fmt::format("{} {}: {}, {}", proto::row_of(past->plan.what).name, escape(past->plan.argument, 200),
                    past->plan.data_path.route == proto::data_route::kernel ? "led by the kernel" : "past this gateway",
                    complete ? "complete" : fmt::format("ended by {}", reply)));
    const bool cut = reply == 425 || reply == 426 || reply == 0;
    auto end = complete ? transfer_end::complete : (cut ? transfer_end::backend : transfer_end::refused);
    if (!past->why.empty()) end = transfer_end::deadline;
    keep_record(record_of(past->plan, past->begun), end, past->why);
}

void session::add_to_summary(const status::transfer_record& of, bool complete) {
    if (!gate_->config.session_ended) return;
    const bool listing = of.verb == "LIST" || of.verb == "NLST" || of.verb == "MLSD";
    ++(!complete ? summary_.failed : listing ? summary_.listings : of.upload ? summary_.uploads : summary_.downloads);
    if (listing || !of.front.bytes) return;
    summary_.sent += of.front.bytes->to;
    summary_.received += of.front.bytes->from;
}

void session::tell_summary() {
    if (!gate_->config.session_ended) return;
    summary_.client = client_.peer();
    summary_.user = machine_->user();
    summary_.logged_in = machine_->logged_in();
    summary_.tls = client_.is_tls();
    summary_.lasted = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_);
    gate_->config.session_ended(summary_);
}

/// The data path is at its end; the client's final reply may still be to come.
void session::keep_record(status::transfer_record of, transfer_end end, std::string why) {
    if (!gate_->config.transfers || !record_owed_) return;
    record_ = std::move(of);
    record_->end = end;
    record_->why = std::move(why);
}

/// The client has its final reply to the transfer, or will get none (0).
void session::write_record(int reply) {
    const auto& log = gate_->config.transfers;
    if (!log || !record_owed_) return;
    // The server's word may be quicker than the data's end.
    if (!record_ && data_) keep_record(data_->record(), reply == 426 ? transfer_end::backend : transfer_end::refused, {});
    record_owed_ = false;
    if (!record_) return;
    auto r = std::move(*record_);
    record_.reset();
    if (r.end == transfer_end::complete && (reply < 200 || reply > 299)) r.end = transfer_end::refused;
    sign_record(r, reply);
    log->write(std::move(r));
}

/// DELE, RMD, MKD, RNTO.
void session::record_change(const proto::path_change& what) {
    const auto& log = gate_->config.transfers;
    if (!log) return;
    status::transfer_record r;
    r.transfer = false;
    r.verb = proto::row_of(what.what).name;
    r.path = what.path;
    r.from = what.from;
    r.cwd = what.cwd;
    const bool done = what.reply >= 200 && what.reply <= 299;
    r.end = done ? transfer_end::complete : transfer_end::refused;
    if (!done) r.why = what.text;
    sign_record(r, what.reply);
    log->write(std::move(r));
}

/// Whose it is, and what the client heard.
void session::sign_record(status::transfer_record& r, int reply) const {
    r.session = id();
    r.user = machine_->user();
    r.client = client_.peer();
    r.backend = slot_ ? slot_.where().text() : std::string();
    r.front.control_tls = client_.is_tls();
    r.behind.control_tls = backend_.is_tls();
    r.reply = reply;
}

// ---- In the log

void session::note(proto::relay_note kind, std::string_view text) {
    switch (kind) {
        case proto::relay_note::said: return log(log::level::debug, escape(text));
        case proto::relay_note::rewritten: return log(log::level::info, escape(text));
        case proto::relay_note::refused: return log(log::level::info, fmt::format("Refused: {}", escape(text)));
        case proto::relay_note::bounce:
            status::count(gate_->counters.targets_refused);
            return log(log::level::warning, fmt::format("Refused target: {}", escape(text)));
        case proto::relay_note::violation: return log(log::level::warning, fmt::format("Violation: {}", escape(text)));
        case proto::relay_note::login_refused:
            status::count(gate_->counters.logins_refused);
            return report(front::offence::login_refused);
        case proto::relay_note::login_result:
            return log(log::level::info, front::login_text(machine_->user(), client_.peer(), tls_version(client_), text));
        case proto::relay_note::transferred: {
            const auto reply = static_cast<int>(parse_decimal(text, 999).value_or(0));
            end_direct(reply);
            return write_record(reply);
        }
    }
}

// ---- While it runs

void data_path::describe(status::session_report& into) const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    into.transfer = running(plan_, begun_);
    into.transfer->bytes = plan_.upload ? counts_.a_to_b : counts_.b_to_a;
    const auto left = std::max(milliseconds(0), milliseconds(gate_->config.data_connect) - into.transfer->age);
    if (port_ && !client_.is_open()) into.openings.push_back({false, port_.port(), terms_.client, left});
    if (port_behind_ && !backend_.is_open()) into.openings.push_back({true, port_behind_.port(), terms_.backend, left});
}

status::session_report session::describe() const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    const auto now = net::clock::now();
    status::session_report out;
    out.id = id();
    out.client = client_.peer();
    if (machine_) {
        out.user = machine_->user();
        out.logged_in = machine_->logged_in();
    }
    if (slot_) out.backend = slot_.where().text();
    out.tls = tls_version(client_);
    out.tls_behind = tls_version(backend_);
    out.age = duration_cast<milliseconds>(now - started_);
    if (data_)
        data_->describe(out);
    else if (direct_)
        out.transfer = running(direct_->plan, direct_->begun);
    else
        out.idle = duration_cast<milliseconds>(now - activity_);
    if (led_) {
        const auto& o = led_.what();
        if (const auto left = led_.left()) out.openings.push_back({bool(port_behind_), o.at.port, o.client, left, o.to});
        return out;
    }
    if (port_) out.openings.push_back({false, port_.port(), client_.peer().address, std::nullopt});
    if (port_behind_) out.openings.push_back({true, port_behind_.port(), backend_.peer().address, std::nullopt});
    return out;
}

}  // namespace sallyport::gate
