// Failures of operations and of the session.

#include <sallyport/proto/client_machine.hpp>

#include <array>
#include <utility>

namespace sallyport::proto {

std::string_view name(client_step s) noexcept {
    static constexpr std::array<std::string_view, 11> names{"resolve",    "connect", "greeting",    "tls",
                                                            "login",      "request", "data",        "transfer",
                                                            "local_file", "listing", "verification"};
    return names.at(static_cast<std::size_t>(s));
}

client_failure failure_at(client_step at, error cause, const reply* refusal) {
    if (refusal == nullptr) return {at, std::move(cause)};
    return {at, std::move(cause), refusal->code, summary(*refusal)};
}

void client_machine::connection_failed(const error& why) {
    error cause = why;
    const auto command_name = channel_.waiting_for();
    if (!command_name.empty())
        cause.what = (command_name == "greeting" ? std::string("waiting for the greeting")
                                                 : "waiting for the reply to " + std::string(command_name)) +
                     (why.what.empty() ? "" : ": " + why.what);
    if (why.code == errc::timeout && step_ == step::negotiate && negotiation_.pasv_can_follow(settings_)) {
        channel_.stop_waiting();
        return method_failed(std::move(cause), true);
    }
    // If the server sends no reply about the missing data connection, the earlier failure is reported.
    if (step_ == step::unopened) cause = *negotiation_.attempt().failure;
    const bool no_server_connection = step_ == step::request && negotiation_.active();
    end_session(no_server_connection ? client_step::data : at(), std::move(cause));
}

client_step client_machine::at() const noexcept {
    switch (step_) {
        case step::login:
        case step::handshake: return login_.at();
        case step::negotiate:
        case step::connecting:
        case step::listening:
        case step::accepting:
        case step::unopened: return client_step::data;
        case step::transferring:
        case step::resync: return client_step::transfer;
        case step::idle:
        case step::plain:
        case step::type:
        case step::size:
        case step::rest:
        case step::request:
        case step::quit: break;
    }
    return client_step::request;
}

/// A refused request does not end the session.
void client_machine::refuse(errc code, std::string detail, const reply& r) {
    fail_operation(client_step::request, {code, 0, std::move(detail) + summary(r)}, &r);
}

void client_machine::fail_operation(client_step at, error cause, const reply* refusal) {
    failure_ = failure_at(at, std::move(cause), refusal);
    step_ = step::idle;
}

/// Removes all queued operations except QUIT; the failure is the reason why they were not started.
void client_machine::stop_accepting() {
    ended_ = true;
    std::erase_if(operations_, [](const operation& o) { return !std::holds_alternative<quit_task>(o.task); });
}

void client_machine::end_session(client_step at, error cause, const reply* refusal) {
    stop_accepting();
    closed_ = true;
    pending_requests_ = 0;
    if (step_ == step::quit) {
        step_ = step::idle;
        return;
    }
    if (step_ == step::transferring) {
        // The data connection may still end without an error, which is reported separately.
        failure_ = failure_at(at, std::move(cause), refusal);
        transfer_.control_finished = true;
        return;
    }
    const bool open_attempt = at == client_step::data && !attempts().empty() && !attempts().back().failure;
    if (open_attempt) negotiation_.attempt().failure = cause;
    fail_operation(at, std::move(cause), refusal);
}

}  // namespace sallyport::proto
