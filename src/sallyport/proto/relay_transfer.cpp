#include <sallyport/proto/relay_transfer.hpp>

#include <utility>

namespace sallyport::proto {
namespace {

// Each check asks the helper process, and usually has its answer within some microseconds (firewall/table.hpp); a client
// waits for a reply much longer than this.
constexpr auto check_interval = std::chrono::seconds(10);

}  // namespace

// Not relayed: the backend's 150 is the only word of the data connections, and its final reply of their end.
relay_transfer::relay_transfer(data_path path, session_time now) noexcept
    : path_(path), started_(now), connected_(path != data_path::relay) {
    if (path != data_path::relay) data_ = data_outcome{};
}

bool relay_transfer::in_doubt() const noexcept { return data_ && data_->result != data_result::complete && !backend_reply_; }

bool relay_transfer::no_backend_data() const noexcept {
    if (!data_ || path_ == data_path::direct) return false;
    switch (data_->result) {
        case data_result::not_established:
        case data_result::backend_connect_failed: return true;
        case data_result::complete:
        case data_result::refused: return backend_reply_ && backend_reply_->code == 425;
        default: return false;
    }
}

// Pure-FTPd sends 150 again after a failure; a client would take it for a beginning.
void relay_transfer::on_opening(reply r, relay_output& out) {
    if (answered_ || in_doubt()) return;
    if (!data_) out.request(relay_act::confirm_data{});
    if (connected_)
        out.forward_opening(std::move(r), data_peer_);
    else if (!data_ && !opening_)
        opening_ = std::move(r);
}

void relay_transfer::on_connected(const endpoint& client, relay_output& out) {
    if (data_ || std::exchange(connected_, true)) return;
    data_peer_ = client.port != 0 ? client.text() : std::string();
    if (auto opening = std::exchange(opening_, std::nullopt)) out.forward_opening(std::move(*opening), data_peer_);
}

std::optional<relay_event> relay_transfer::on_final_reply(reply r, relay_output& out) {
    // After a refusal no byte is worth waiting for, and what arrived must not be taken for the complete data.
    if (!r.positive() && !data_) {
        out.request(relay_act::release_data{});
        data_ = data_outcome{data_result::refused, {}};
    }
    backend_reply_ = std::move(r);
    return join(out);
}

std::optional<relay_event> relay_transfer::on_data_ended(const data_outcome& outcome, relay_output& out) {
    // Past the gateway the data path counts as ended from the start. A client that has sent ABOR gets the reply to that.
    const bool by_kernel = outcome.result == data_result::not_established || outcome.result == data_result::path_lost;
    if (data_ && (!by_kernel || out.pending().has(verb::abor))) return std::nullopt;
    data_ = outcome;
    return join(out);
}

std::optional<relay_event> relay_transfer::on_abort(relay_output& out) {
    if (!data_) {
        out.request(relay_act::release_data{});
        data_ = data_outcome{data_result::aborted, "requested by the client"};
    }
    return join(out);
}

std::optional<relay_event> relay_transfer::stop_waiting(relay_output& out) {
    waited_ = true;
    return join(out);
}

std::optional<relay_event> relay_transfer::join(relay_output& out) {
    if (!answered_ && data_) {
        if (const auto last = decide()) {
            if (last->of_backend)
                out.forward_reply(*last->of_backend);
            else
                out.send_failure(last->local);
            if (last->send_abort) (void)out.send_command({verb::abor, "ABOR", {}}, reply_kind::discarded);
            out.request(relay_act::transfer_finished{last->code(), *data_});
            answered_ = true;
        }
    }
    if (!answered_ || !backend_reply_) return std::nullopt;
    out.remove_pending(0);
    return relay_event::transfer_finished;
}

std::optional<transfer_reply> relay_transfer::decide() const {
    switch (data_->result) {
        case data_result::complete:
            if (!backend_reply_) return std::nullopt;
            return transfer_reply{.of_backend = backend_reply_};
        case data_result::client_timeout: return transfer_reply{.local = {425, "No data connection: " + data_->reason}};
        case data_result::tls_session_not_reused:
            return transfer_reply{.local = {522,
                                            "The data connection must reuse the control connection's TLS session; enable "
                                            "session reuse in your client."}};
        case data_result::client_failed: return transfer_reply{.local = {426, "Transfer aborted: " + data_->reason}};
        case data_result::not_established: return transfer_reply{.local = {425, data_->reason}, .send_abort = true};
        case data_result::path_lost:
            return transfer_reply{.local = {426, "Transfer aborted: " + data_->reason}, .send_abort = true};
        case data_result::backend_failed:
        case data_result::refused:
        case data_result::aborted:
        case data_result::backend_connect_failed: break;
    }
    return decide_by_backend();
}

/// The backend's own reply gives the reason, unless it is missing or says that all is well.
std::optional<transfer_reply> relay_transfer::decide_by_backend() const {
    if (!backend_reply_ && !waited_) return std::nullopt;
    if (backend_reply_ && !backend_reply_->positive()) return transfer_reply{.of_backend = backend_reply_};
    if (data_->result != data_result::backend_connect_failed)
        return transfer_reply{.local = {426, "Transfer aborted: " + data_->reason}};
    return transfer_reply{.local = {425, "No data connection to the FTP server: " + data_->reason},
                          .send_abort = !backend_reply_};
}

std::optional<session_time> relay_transfer::check_at(session_time::duration limit) const noexcept {
    if (path_ != data_path::kernel) return std::nullopt;
    return last_check_ ? *last_check_ + check_interval : started_ + limit;
}

void relay_transfer::check(session_time now, relay_output& out) {
    last_check_ = now;
    out.request(relay_act::check_opening{});
}

}  // namespace sallyport::proto
