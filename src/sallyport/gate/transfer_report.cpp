#include <sallyport/gate/transfer_report.hpp>

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/frontend/failed_data.hpp>

namespace sallyport::gate {

using status::transfer_result;

namespace {

[[nodiscard]] bool is_success(int reply) noexcept { return reply >= 200 && reply <= 299; }

/// For transfers that bypass this process, only the reply tells the result.
[[nodiscard]] transfer_result result_by_reply(int reply) noexcept {
    if (is_success(reply)) return transfer_result::complete;
    return reply == 425 || reply == 426 ? transfer_result::backend_failed : transfer_result::refused;
}

}  // namespace

transfer_result result_of(const proto::relay_act::transfer_finished& transfer) {
    using proto::data_result;
    const auto late = [&](transfer_result otherwise) {
        return transfer.data.timed_out ? transfer_result::timeout : otherwise;
    };
    switch (transfer.data.result) {
        case data_result::complete:
            return is_success(transfer.reply_code) ? transfer_result::complete : transfer_result::refused;
        case data_result::refused:
            return transfer.reply_code == 426 ? transfer_result::backend_failed : transfer_result::refused;
        case data_result::path_lost:
        case data_result::not_established: return transfer_result::timeout;
        case data_result::aborted: return transfer_result::aborted;
        case data_result::backend_connect_failed:
        case data_result::backend_failed: return late(transfer_result::backend_failed);
        case data_result::client_timeout:
        case data_result::tls_session_not_reused:
        case data_result::client_failed: break;
    }
    return late(transfer_result::client_failed);
}

status::transfer_record record_of(const proto::relay_plan& plan, net::clock::duration duration) {
    status::transfer_record r;
    r.verb = proto::row_of(plan.command).name;
    r.path = plan.path;
    r.cwd = plan.cwd;
    r.upload = plan.upload;
    r.data_path = name(plan.data_path.path);
    r.data_path_reason = name(plan.data_path.reason);
    r.client_leg.data_tls = plan.protect_client;
    r.client_leg.method = name(plan.client_method);
    r.backend_leg.data_tls = plan.protect_backend;
    r.backend_leg.method = name(plan.backend_method);
    r.duration = duration;
    return r;
}

std::string transfer_text(const proto::relay_plan& plan) {
    std::string out(proto::row_of(plan.command).name);
    if (!plan.argument.empty()) out += ' ' + plan.argument;
    return out;
}

status::running_transfer running(const proto::relay_plan& plan, net::deadline started_at) {
    return {.verb = std::string(proto::row_of(plan.command).name),
            .path = plan.path,
            .upload = plan.upload,
            .client_method = std::string(name(plan.client_method)),
            .backend_method = std::string(name(plan.backend_method)),
            .data_path = std::string(name(plan.data_path.path)),
            .data_path_reason = std::string(name(plan.data_path.reason)),
            .bytes = {},
            .age = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at)};
}

// ---- Transfers

void transfer_report::started(std::shared_ptr<const data_relay> relay) {
    status::count(gate_->counters.transfers_running);
    relay_ = std::move(relay);
}

void transfer_report::started(proto::relay_plan bypassing) {
    status::count(gate_->counters.transfers_running);
    bypassing_.emplace(std::move(bypassing));
}

bool transfer_report::target_refused(const std::optional<proto::data_request>& request, const ip_address& client) {
    status::count(gate_->counters.bounce_attempts);
    const auto seen = frontend::refused(request, client);
    if (seen) data_failed(*seen);
    return seen.has_value();
}

void transfer_report::data_failed(const diagnosis::failed_data& seen) {
    log_(log::level::warning, frontend::count_failed_data(gate_->failed_data, seen));
}

void transfer_report::relay_ended(const data_relay& relay, const proto::data_outcome& outcome, bool stopping) {
    auto& counters = gate_->counters;
    status::uncount(counters.transfers_running);
    status::count(counters.bytes_received, relay.counts().a_to_b);
    status::count(counters.bytes_sent, relay.counts().b_to_a);
    if (const auto& failed = relay.failure(); failed && !stopping) return data_failed(*failed);
    if (outcome.result != proto::data_result::complete && !outcome.reason.empty())
        log_(log::level::warning, fmt::format("{}, interrupted: {}", relay.summary(), escape(outcome.reason)));
}

void transfer_report::path_failed(failed_opening failed) {
    const auto& plan = bypassing_->plan;
    bypassing_->reason = std::move(failed.reason);
    if (auto& seen = failed.seen) {
        seen->transfer = transfer_text(plan);
        if (seen->on_backend_leg) seen->method = plan.backend_method;
        bypassing_->reported = true;
        return data_failed(*seen);
    }
    log_(log::level::warning, fmt::format("{}: {}", escape(transfer_text(plan), 200), bypassing_->reason));
}

void transfer_report::finished(const proto::relay_act::transfer_finished& transfer, const record_owner& owner) {
    if (bypassing_) {
        const bool complete = is_success(transfer.reply_code);
        const auto finished_transfer =
            finish_bypassing(complete, complete ? "complete" : fmt::format("failed with {}", transfer.reply_code));
        auto r = record_of(finished_transfer.plan, finished_transfer.duration);
        r.reason = finished_transfer.reason;
        using proto::data_result;
        const auto& result = transfer.data.result;
        const bool late = result == data_result::not_established || result == data_result::path_lost;
        write(std::move(r), late ? transfer_result::timeout : result_by_reply(transfer.reply_code), transfer.reply_code,
              owner);
    } else if (const auto relay = std::exchange(relay_, nullptr)) {
        auto r = relay->record();
        const auto result = result_of(transfer);
        conclude(r, result == transfer_result::complete);
        if (result == transfer_result::complete) {
            if (log::enabled(log::level::info)) log_(log::level::info, fmt::format("{}, complete", relay->summary()));
        } else if (result == transfer_result::refused || transfer.data.result == proto::data_result::refused) {
            r.reason = fmt::format("refused by the backend with {}", transfer.reply_code);
            const auto seen = transfer.reply_code == 425 ? relay->without_backend_connection() : std::nullopt;
            if (seen)
                data_failed(*seen);
            else
                log_(log::level::warning, fmt::format("{}, {}", relay->summary(), r.reason));
        } else if (transfer.data.result == proto::data_result::aborted) {
            log_(log::level::warning, fmt::format("{}, aborted by the client", relay->summary()));
        } else {
            r.reason = transfer.data.reason;
        }
        write(std::move(r), result, transfer.reply_code, owner);
    }
}

void transfer_report::cancelled(transfer_result end, const record_owner& owner) {
    if (bypassing_) {
        const auto finished_transfer = finish_bypassing(false, "cancelled");
        write(record_of(finished_transfer.plan, finished_transfer.duration), transfer_result::backend_failed, 0, owner);
    } else if (const auto relay = std::exchange(relay_, nullptr)) {
        log_(log::level::warning, fmt::format("{}, interrupted: cancelled", relay->summary()));
        auto r = relay->record();
        conclude(r, false);
        write(std::move(r), end, 0, owner);
    }
}

transfer_report::bypassing_transfer transfer_report::finish_bypassing(bool complete, std::string_view outcome) {
    auto finished_transfer = std::move(*bypassing_);
    bypassing_.reset();
    status::uncount(gate_->counters.transfers_running);
    finished_transfer.duration = net::clock::now() - finished_transfer.started_at;
    conclude(record_of(finished_transfer.plan, finished_transfer.duration), complete);
    if (!finished_transfer.reported)
        log_(log::level::info,
             fmt::format("{}: {}, {}", escape(transfer_text(finished_transfer.plan), 200),
                         finished_transfer.plan.data_path.path == proto::data_path::kernel ? "path kernel" : "path direct",
                         outcome));
    return finished_transfer;
}

/// Completes the record with the session and the reply, and writes it.
void transfer_report::write(status::transfer_record r, transfer_result end, int reply, const record_owner& owner) const {
    const auto& log = gate_->config.transfer_log;
    if (!log) return;
    r.result = end;
    r.reply_code = reply;
    r.session = owner.session;
    r.user = owner.user;
    r.client = owner.client;
    r.backend = owner.backend;
    r.client_leg.control_tls = owner.client_tls;
    r.backend_leg.control_tls = owner.backend_tls;
    log->write(std::move(r));
}

void transfer_report::changed(const proto::path_change& change, const record_owner& owner) const {
    status::transfer_record r;
    r.transfer = false;
    r.verb = proto::row_of(change.command).name;
    r.path = change.path;
    r.renamed_from = change.from;
    r.cwd = change.cwd;
    const bool done = is_success(change.reply);
    if (!done) r.reason = change.text;
    write(std::move(r), done ? transfer_result::complete : transfer_result::refused, change.reply, owner);
}

// ---- The session

void transfer_report::conclude(const status::transfer_record& of, bool complete) {
    status::count(complete ? gate_->counters.transfers_complete : gate_->counters.transfers_failed);
    const auto bytes = of.client_leg.bytes.value_or(status::byte_counts());
    using enum status::transfer_kind;
    const auto kind = is_listing(of) ? listing : of.upload ? upload : download;
    count_time(gate_->counters, kind, std::chrono::duration_cast<std::chrono::nanoseconds>(of.duration));
    add_transfer(summary_, kind, complete, of.upload ? bytes.received : bytes.sent);
}

void transfer_report::session_ended(const record_owner& owner, bool logged_in, status::session_end by) {
    summary_.client = owner.client;
    summary_.user = owner.user;
    summary_.logged_in = logged_in;
    summary_.tls = owner.client_tls;
    summary_.duration = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at_);
    if (log::enabled(log::level::info))
        log_(log::level::info, fmt::format("Session ended {}; {}", text_of(by), text_of(summary_)));
    if (gate_->config.session_ended) gate_->config.session_ended(summary_);
}

void transfer_report::describe(status::session_report& into) const {
    if (bypassing_) into.transfer = running(bypassing_->plan, bypassing_->started_at);
}

}  // namespace sallyport::gate
