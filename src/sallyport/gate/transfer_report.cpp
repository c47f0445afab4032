#include <sallyport/gate/transfer_report.hpp>

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::gate {

using status::transfer_end;

namespace {

[[nodiscard]] bool is_success(int reply) noexcept { return reply >= 200 && reply <= 299; }

/// Where the bytes do not come here, the reply is all there is to go by.
[[nodiscard]] transfer_end end_by_reply(int reply) noexcept {
    if (is_success(reply)) return transfer_end::complete;
    return reply == 425 || reply == 426 ? transfer_end::backend : transfer_end::refused;
}

}  // namespace

transfer_end end_of(const proto::relay_act::transfer_finished& how) {
    using proto::data_end;
    const auto late = [&](transfer_end otherwise) { return how.data.timed_out ? transfer_end::deadline : otherwise; };
    switch (how.data.end) {
        case data_end::complete: return is_success(how.reply_code) ? transfer_end::complete : transfer_end::refused;
        case data_end::refused: return how.reply_code == 426 ? transfer_end::backend : transfer_end::refused;
        case data_end::not_established: return transfer_end::deadline;
        case data_end::aborted: return transfer_end::aborted;
        case data_end::backend_unreachable:
        case data_end::backend_failed: return late(transfer_end::backend);
        case data_end::client_never_came:
        case data_end::client_not_bound:
        case data_end::client_failed: break;
    }
    return late(transfer_end::client);
}

status::transfer_record record_of(const proto::relay_plan& plan, net::clock::duration lasted) {
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
    r.lasted = lasted;
    return r;
}

status::running_transfer running(const proto::relay_plan& plan, net::deadline begun) {
    return {.verb = std::string(proto::row_of(plan.what).name),
            .path = plan.path,
            .upload = plan.upload,
            .client_method = std::string(name(plan.asked)),
            .backend_method = std::string(name(plan.behind)),
            .data_path = std::string(name(plan.data_path.route)),
            .data_path_reason = std::string(name(plan.data_path.reason)),
            .bytes = {},
            .age = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - begun)};
}

// ---- Transfers

void transfer_report::started(std::shared_ptr<const data_path> relay) {
    status::count(gate_->counters.transfers_running);
    relay_ = std::move(relay);
}

void transfer_report::started(proto::relay_plan unseen) {
    status::count(gate_->counters.transfers_running);
    unseen_.emplace(std::move(unseen));
}

void transfer_report::relay_ended(const data_path& relay, const proto::data_outcome& outcome) {
    auto& counters = gate_->counters;
    const bool complete = outcome.end == proto::data_end::complete;
    status::uncount(counters.transfers_running);
    status::count(complete ? counters.transfers_complete : counters.transfers_failed);
    add_to_summary(relay.record(), complete);
    status::count(counters.bytes_received, relay.counts().a_to_b);
    status::count(counters.bytes_sent, relay.counts().b_to_a);
    if (complete && log::enabled(log::level::info))
        log_(log::level::info, fmt::format("{}, complete", relay.summary()));
    else if (!complete)
        log_(log::level::warning,
             fmt::format("{}, cut: {}", relay.summary(), outcome.why.empty() ? "given up" : escape(outcome.why)));
}

void transfer_report::not_established(std::string why) {
    log_(log::level::warning,
         fmt::format("{} {}: {}", proto::row_of(unseen_->plan.what).name, escape(unseen_->plan.argument, 200), why));
    unseen_->why = std::move(why);
}

void transfer_report::finished(const proto::relay_act::transfer_finished& how, const record_owner& owner) {
    if (unseen_) {
        const bool complete = is_success(how.reply_code);
        const auto past = end_unseen(complete, complete ? "complete" : fmt::format("ended by {}", how.reply_code));
        auto r = record_of(past.plan, net::clock::now() - past.begun);
        r.why = past.why;
        write(std::move(r), past.why.empty() ? end_by_reply(how.reply_code) : transfer_end::deadline, how.reply_code, owner);
    } else if (const auto relay = std::exchange(relay_, nullptr)) {
        auto r = relay->record();
        if (how.data.end != proto::data_end::aborted) r.why = how.data.why;
        write(std::move(r), end_of(how), how.reply_code, owner);
    }
}

void transfer_report::cancelled(transfer_end end, const record_owner& owner) {
    if (unseen_) {
        const auto past = end_unseen(false, "ended by 0");
        write(record_of(past.plan, net::clock::now() - past.begun), transfer_end::backend, 0, owner);
    } else if (const auto relay = std::exchange(relay_, nullptr)) {
        write(relay->record(), end, 0, owner);
    }
}

transfer_report::unseen_transfer transfer_report::end_unseen(bool complete, std::string_view how) {
    auto past = std::move(*unseen_);
    unseen_.reset();
    auto& counters = gate_->counters;
    status::uncount(counters.transfers_running);
    status::count(complete ? counters.transfers_complete : counters.transfers_failed);
    add_to_summary(record_of(past.plan, {}), complete);
    log_(log::level::info,
         fmt::format("{} {}: {}, {}", proto::row_of(past.plan.what).name, escape(past.plan.argument, 200),
                     past.plan.data_path.route == proto::data_route::kernel ? "led by the kernel" : "past this gateway",
                     how));
    return past;
}

/// Whose it is, and what the client got.
void transfer_report::write(status::transfer_record r, transfer_end end, int reply, const record_owner& owner) const {
    const auto& log = gate_->config.transfers;
    if (!log) return;
    r.end = end;
    r.reply = reply;
    r.session = owner.session;
    r.user = owner.user;
    r.client = owner.client;
    r.backend = owner.backend;
    r.front.control_tls = owner.client_tls;
    r.behind.control_tls = owner.backend_tls;
    log->write(std::move(r));
}

void transfer_report::changed(const proto::path_change& what, const record_owner& owner) const {
    status::transfer_record r;
    r.transfer = false;
    r.verb = proto::row_of(what.what).name;
    r.path = what.path;
    r.from = what.from;
    r.cwd = what.cwd;
    const bool done = is_success(what.reply);
    if (!done) r.why = what.text;
    write(std::move(r), done ? transfer_end::complete : transfer_end::refused, what.reply, owner);
}

// ---- The session

void transfer_report::add_to_summary(const status::transfer_record& of, bool complete) {
    if (!gate_->config.session_ended) return;
    const bool listing = of.verb == "LIST" || of.verb == "NLST" || of.verb == "MLSD";
    ++(!complete ? summary_.failed : listing ? summary_.listings : of.upload ? summary_.uploads : summary_.downloads);
    if (listing || !of.front.bytes) return;
    summary_.sent += of.front.bytes->to;
    summary_.received += of.front.bytes->from;
}

void transfer_report::session_ended(const record_owner& owner, bool logged_in) {
    if (!gate_->config.session_ended) return;
    summary_.client = owner.client;
    summary_.user = owner.user;
    summary_.logged_in = logged_in;
    summary_.tls = owner.client_tls;
    summary_.lasted = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - began_);
    gate_->config.session_ended(summary_);
}

void transfer_report::describe(status::session_report& into) const {
    if (unseen_) into.transfer = running(unseen_->plan, unseen_->begun);
}

}  // namespace sallyport::gate
