// How an order or the session fails: at which step, and by whose words.

#include <sallyport/proto/client_machine.hpp>

#include <utility>

namespace sallyport::proto {

client_failure failure_at(client_step at, error cause, const reply* refusal) {
    if (refusal == nullptr) return {at, std::move(cause)};
    return {at, std::move(cause), refusal->code, summary(*refusal)};
}

void client_machine::lost(const error& why) {
    error cause = why;
    const auto command_name = channel_.waiting_for();
    if (!command_name.empty())
        cause.what = (command_name == "greeting" ? std::string("waiting for the greeting")
                                                 : "waiting for the reply to " + std::string(command_name)) +
                     (why.what.empty() ? "" : ": " + why.what);
    if (why.code == errc::timeout && may_skip_silent_epsv()) {
        channel_.give_up_waiting();
        return method_failed(std::move(cause), true);
    }
    // Of two facts about one event the first stands where the server has no words for it.
    if (step_ == step::unopened) cause = *attempts_.back().failure;
    const bool server_never_came = step_ == step::request && is_active(attempts_.back().method);
    end_session(server_never_came ? client_step::data : failing_step(), std::move(cause));
}

/// Firewalls exist that swallow EPSV; PASV, which they know, may pass.
bool client_machine::may_skip_silent_epsv() const noexcept {
    const auto next = method_ + 1;
    return step_ == step::negotiate && settings_.methods[method_] == data_method::epsv && next < settings_.methods.size() &&
           settings_.methods[next] == data_method::pasv && !skips(data_method::pasv);
}

client_step client_machine::failing_step() const noexcept {
    switch (step_) {
        case step::greeting: return client_step::greeting;
        case step::auth_tls:
        case step::auth_ssl:
        case step::handshake: return client_step::tls;
        case step::user:
        case step::pass:
        case step::acct:
        case step::pbsz:
        case step::prot:
        case step::feat:
        case step::opts: return client_step::login;
        case step::negotiate:
        case step::connecting:
        case step::listening:
        case step::accepting:
        case step::unopened: return client_step::data;
        case step::moving: return client_step::transfer;
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

void client_machine::refuse(client_step at, errc code, std::string what, const reply& r) {
    error cause{code, 0, std::move(what) + summary(r)};
    // A login that failed half-way leaves nothing to build on; a refused request leaves the session as it was.
    const bool fatal = at == client_step::greeting || at == client_step::tls || at == client_step::login;
    if (fatal)
        end_session(at, std::move(cause), &r);
    else
        fail_order(at, std::move(cause), &r);
}

void client_machine::fail_order(client_step at, error cause, const reply* refusal) {
    failure_ = failure_at(at, std::move(cause), refusal);
    step_ = step::idle;
}

void client_machine::end_session(client_step at, error cause, const reply* refusal) {
    ended_ = true;
    if (step_ == step::quit) {
        step_ = step::idle;
        return;
    }
    if (step_ == step::moving) {
        // The data may still come to a good end: that is reported apart from the loss of the control connection.
        failure_ = failure_at(at, std::move(cause), refusal);
        control_over_ = true;
        return;
    }
    if (at == client_step::data && !attempts_.empty() && !attempts_.back().failure) attempts_.back().failure = cause;
    fail_order(at, std::move(cause), refusal);
}

}  // namespace sallyport::proto
