// The relay machine's data connections: negotiated on each leg by itself, joined by the driver (G1, G3, G4, GW-02, GW-03).

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/replies.hpp>
#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <utility>

namespace sallyport::proto {
namespace {

constexpr std::uint16_t first_free_port = 1024;  // below are services, never data ports

[[nodiscard]] bool is_upload(verb id) noexcept { return data_use_of(id) == data_use::upload; }

// Words about the command, not about the moment or the user: the next session need not ask again.
[[nodiscard]] bool refuses_the_command(int code) noexcept {
    return code == 500 || code == 501 || code == 502 || code == 504 || code == 522;
}

[[nodiscard]] std::string unusable(data_method method, const reply& r) {
    return "the backend's reply to " + std::string(name(method)) + " has no usable port: " + std::to_string(r.code) + ' ' +
           r.full_text();
}

}  // namespace

// ---- PASV, EPSV, PORT, EPRT

// Whatever was negotiated before is void from here on, also where the new request is refused (DC-07).
void relay_machine::negotiate(const command& cmd) {
    reset_channel();
    const auto wanted = data_requests_.read(cmd);
    if (!wanted) {
        if (const auto& target = wanted.error().bounce_attempt)
            note(relay_note::bounce_attempt,
                 cmd.name + ' ' + target->text() + " from " + settings_.client_peer.address.text());
        if (wanted.error().reply.code == 200) return answer(200, wanted.error().reply.text);
        return refuse(cmd, wanted.error().reply);
    }
    const auto asked = wanted->method;
    const bool ipv6 = backend_.peer.address.is_v6();
    negotiation_ = {};
    negotiation_.client_method = asked;
    negotiation_.target = wanted->target;
    negotiation_.behind = backend_methods(settings_.data_mode, asked, ipv6, backend_.refused);
    negotiation_.path = choose_data_path(path_facts());
    if (negotiation_.path.path == data_path::direct) {
        if (asked == data_method::epsv) return refuse(cmd, 502, "Data connections go straight to the server; use PASV.");
        try_direct();
    }
    if (negotiation_.behind.empty())
        return refuse(
            cmd, 425,
            "This gateway may ask its server by PASV or PORT only, and these cannot name the server's IPv6 address.");
    ask_backend();
}

// ---- The backend's side of a negotiation, then the client's answer

void relay_machine::ask_backend() {
    const data_method method = negotiation_.behind.front();
    negotiation_.method = method;
    negotiation_.path = choose_data_path(path_facts());
    if (!is_active(method)) {
        release_backend_port();  // the backend has refused to connect to it
        stage_ = stage::negotiating;
        return send_backend({verb_of(method), std::string(name(method)), {}}, reply_kind::negotiation);
    }
    const bool direct = negotiation_.path.path == data_path::direct;
    if (!direct && !negotiation_.own) {
        stage_ = stage::reserving_backend_port;
        relay_act::reserve_port reserve{leg::backend, !only_ipv4(method), false, {}};
        if (negotiation_.path.path == data_path::kernel) reserve.to = negotiation_.target;
        actions_.emplace_back(reserve);
        return;
    }
    stage_ = stage::negotiating;
    const auto& to = direct ? negotiation_.target : *negotiation_.own;
    auto argument = only_ipv4(method) ? format_host_port(to) : format_eprt(to);
    send_backend({verb_of(method), std::string(name(method)), std::move(argument)}, reply_kind::negotiation);
}

void relay_machine::backend_port_reserved(const result<endpoint>& own, bool forwarded) {
    if (own) {
        negotiation_.own = *own;
        apply_kernel_result(forwarded);
        return ask_backend();
    }
    std::erase_if(negotiation_.behind, is_active);
    if (!negotiation_.behind.empty()) return ask_backend();
    const auto no = no_port_reply(own.error());
    give_up(no.code, no.text);
}

void relay_machine::on_negotiation(const reply& r) {
    if (r.preliminary()) return;
    forget(0);
    auto& n = negotiation_;
    const data_method method = n.behind.front();
    if (take_backend_leg(r)) return backend_leg_known();
    // Whatever its code, a reply without a usable port is a refusal of the method.
    if (r.code != 530 && n.behind.size() > 1) return ask_by_next_method(r);
    if (r.transient() || r.permanent()) {
        if (is_active(method)) {
            return give_up(425,
                           "The server behind this gateway takes no " + std::string(name(method)) + ": " + r.full_text());
        }
        if (is_active(n.client_method))
            return give_up(425, "The server behind this gateway opens no data port: " + r.full_text());
        stage_ = stage::open;
        return deliver(r);
    }
    note(relay_note::violation, unusable(method, r));
    give_up(425, "The server behind this gateway offered no usable data port.");
}

void relay_machine::ask_by_next_method(const reply& refusal) {
    auto& n = negotiation_;
    const data_method method = n.behind.front();
    const bool in_words = refusal.transient() || refusal.permanent();
    const bool direct = n.path.path == data_path::direct;
    if (direct && is_active(method)) {
        refuses_client_address_ = true;  // it minds the address, not the command
    } else if (!in_words || refuses_the_command(refusal.code)) {
        backend_.refused.insert(method);
    }
    n.direct_refused = n.direct_refused || direct;
    n.behind.erase(n.behind.begin());
    if (notes_) {
        const auto next = "; trying " + std::string(name(n.behind.front()));
        if (in_words)
            note(relay_note::refused, std::string(name(method)) + " by the backend: " + std::to_string(refusal.code) + ' ' +
                                          refusal.full_text() + next);
        else
            note(relay_note::violation, unusable(method, refusal) + next);
    }
    ask_backend();
}

bool relay_machine::take_backend_leg(const reply& r) {
    auto& n = negotiation_;
    const data_method method = n.behind.front();
    if (is_active(method)) {
        n.backend = accept_on_port{};
        return r.positive();
    }
    std::optional<std::uint16_t> port;
    if (method == data_method::epsv && r.code == 229) {
        if (const auto parsed = search_lines(r, parse_229)) port = *parsed;
    } else if (method == data_method::pasv && r.code == 227) {
        if (const auto parsed = search_lines(r, parse_227)) {
            n.named = *parsed;
            port = parsed->port;
        }
    }
    if (!port || *port < first_free_port) return false;
    n.backend = connect_to{{backend_.peer.address, *port}};
    return true;
}

data_path_facts relay_machine::path_facts() const noexcept {
    const auto& n = negotiation_;
    data_path_facts f{.rules = settings_.paths,
                      .tls_required = settings_.tls_required,
                      .direct = backend_.direct,
                      .backend_proxy_headers = backend_.proxy_headers,
                      .backend_refuses_pasv = backend_.refused.contains(data_method::pasv),
                      .client = settings_.client_peer.address,
                      .backend = backend_.peer.address,
                      .client_data_tls = protection_.data(),
                      .backend_data_tls = backend_protected_,
                      .epsv_all = data_requests_.epsv_all(),
                      .client_method = n.client_method,
                      .backend_method = n.method,
                      .direct_refused = n.direct_refused || (is_active(n.client_method) && refuses_client_address_),
                      .kernel_refused = n.kernel_refused};
    if (n.named.port != 0) f.advertised = n.named.address;
    return f;
}

/// Whether the kernel forwards to where it was asked to.
void relay_machine::apply_kernel_result(bool forwarded) {
    auto& n = negotiation_;
    if (forwarded || n.path.path != data_path::kernel) return;
    n.kernel_refused = true;
    n.path = choose_data_path(path_facts());
}

void relay_machine::backend_leg_known() {
    auto& n = negotiation_;
    if (n.path.path == data_path::direct) return direct_agreed();
    if (!is_active(n.client_method)) {
        stage_ = stage::reserving;
        relay_act::reserve_port reserve{leg::client, n.client_method == data_method::epsv, protection_.data(), {}};
        const auto* to = std::get_if<connect_to>(&n.backend);
        if (to != nullptr && n.path.path == data_path::kernel) reserve.to = to->to;
        actions_.emplace_back(reserve);
        return;
    }
    negotiated(n.target);
    const auto done = active_reply(n.client_method);
    answer(done.code, done.text);
}

void relay_machine::port_reserved(const result<endpoint>& reserved, bool forwarded) {
    if (stage_ == stage::reserving_backend_port) return backend_port_reserved(reserved, forwarded);
    if (stage_ != stage::reserving) return;
    const auto sent = passive_reply(negotiation_.client_method, reserved);
    if (sent.code == 425) {
        if (reserved) {
            negotiation_.own.reset();
            drop_data();
        }
        return give_up(sent.code, sent.text);
    }
    apply_kernel_result(forwarded);
    negotiated(*reserved);
    answer(sent.code, sent.text);
}

/// Both legs stand as agreed. `front`: the client's target, or the port that it is told.
void relay_machine::negotiated(const endpoint& front) {
    auto& n = negotiation_;
    stage_ = stage::open;
    const bool client_connects = !is_active(n.client_method);
    if (notes_) {
        const auto* to = std::get_if<connect_to>(&n.backend);
        note(relay_note::rewritten,
             std::string(name(n.client_method)) + ' ' + front.text() + " in front, " + std::string(name(n.behind.front())) +
                 ' ' + (to != nullptr ? to->to : n.own.value_or(endpoint())).text() + " behind" +
                 (n.path.path == data_path::kernel ? ", led by the kernel"
                                                   : ", relayed: " + std::string(text(n.path.reason))));
    }
    channel_ = channel{n.path, client_connects ? leg_setup(accept_on_port{}) : leg_setup(connect_to{front}), n.backend,
                       n.client_method, n.behind.front()};
    n.own.reset();  // the channel has it
}

void relay_machine::give_up(int code, std::string_view text) {
    release_backend_port();
    stage_ = stage::open;
    answer(code, text);
}

void relay_machine::release_backend_port() {
    if (!std::exchange(negotiation_.own, std::nullopt)) return;
    drop_data();
}

void relay_machine::reset_channel() {
    if (!channel_) return;
    channel_.reset();
    drop_data();
}

void relay_machine::drop_data() { actions_.emplace_back(relay_act::release_data{}); }

// ---- Transfers

/// MODE B leaves data connections open after a transfer; here each serves one (RFC 959 section 3.4.2).
void relay_machine::mode(const command& cmd) {
    if (iequals(cmd.argument, "B")) return refuse(cmd, 504, "MODE B is not supported here; the mode is unchanged.");
    pass(cmd);
}

void relay_machine::transfer(const command& cmd) {
    if (const auto no = protection_.refuse_transfer(settings_.tls_required)) return refuse(cmd, *no);
    if (!channel_) return refuse(cmd, 425, replies::no_data_connection);
    // An ABOR that came behind this command, while an earlier transfer ran, means this one too.
    if (deferred_.has_abort()) {
        reset_channel();
        return refuse(cmd, 426, replies::aborted_before);
    }
    const bool carried = channel_->path.path == data_path::relay;
    if (!carried && !data_in_clear())
        return refuse(cmd, 425, "PROT came after the data connection was agreed on; send PASV or PORT again.");
    relay_plan plan{.command = cmd.id,
                    .argument = cmd.argument,
                    .upload = is_upload(cmd.id),
                    .data_path = channel_->path,
                    .client = channel_->client,
                    .backend = channel_->backend,
                    .protect_client = protection_.data(),
                    .protect_backend = backend_protected_,
                    .connect_limit = settings_.timeouts.data_connect,
                    .start_limit = settings_.timeouts.data_start,
                    .client_method = channel_->client_method,
                    .backend_method = channel_->backend_method,
                    .path = paths_.directory.absolute(path_argument(cmd.id, cmd.argument)),
                    .cwd = paths_.directory.text()};
    channel_.reset();
    transfer_ = {};
    transfer_.path = plan.data_path.path;
    transfer_.began = times_.now;
    transfer_.connected = !carried;                  // the backend's 150 is the only word of it
    if (!carried) transfer_.ended = data_outcome{};  // as far as it is ours: the backend's word decides
    stage_ = stage::transfer;
    send_backend(cmd, reply_kind::transfer);
    actions_.emplace_back(relay_act::open_data{std::move(plan)});
}

void relay_machine::on_transfer(reply r) {
    if (r.preliminary()) {
        // Pure-FTPd says 150 again after a cut; a client would take it for a beginning.
        if (transfer_.answered || in_doubt()) return;
        if (!transfer_.ended) actions_.emplace_back(relay_act::confirm_data{});
        if (transfer_.connected)
            deliver_opening(std::move(r));
        else if (!transfer_.ended && !transfer_.opening)
            transfer_.opening = std::move(r);
        return;
    }
    // After a refusal no byte is worth waiting for, and what came must not be taken for the whole.
    if (!r.positive() && !transfer_.ended) {
        drop_data();
        transfer_.ended = data_outcome{data_result::refused, {}};
    }
    transfer_.final = std::move(r);
    join_transfer();
}

void relay_machine::data_connected(const endpoint& client) {
    if (stage_ != stage::transfer || transfer_.ended || std::exchange(transfer_.connected, true)) return;
    transfer_.client = client.port != 0 ? client.text() : std::string();
    if (auto opening = std::exchange(transfer_.opening, std::nullopt)) deliver_opening(std::move(*opening));
}

void relay_machine::data_ended(const data_outcome& outcome) {
    times_.activity = times_.now;
    // Past the gateway the data path counts as ended from the start. A client that has said ABOR hears of that.
    const bool gave_up = pending_.has(verb::abor);
    const bool never_started = outcome.result == data_result::not_established && !gave_up;
    if (stage_ != stage::transfer || (transfer_.ended && !never_started)) return;
    transfer_.ended = outcome;
    join_transfer();
}

// A transfer is over when the data path has ended and the backend has spoken. Only both together make a success; a failure
// on the client's side is told at once, and the backend's word is then awaited in silence. Where the backend's side failed,
// its own words say why: they are waited for, but not for long (relay_waits.cpp).
void relay_machine::join_transfer() {
    auto& t = transfer_;
    if (!t.ended) return;
    int sent = 0;
    const auto fail_with = [&](int code, const std::string& words) {
        const auto text = inside_.hidden(words);
        if (notes_) note(relay_note::refused, std::to_string(code) + ' ' + words);
        std::string line;
        append_reply(line, code, text);
        emit(line);
        sent = code;
    };
    if (!t.answered) {
        switch (t.ended->result) {
            case data_result::complete:
                if (!t.final) return;
                deliver(*t.final);
                sent = t.final->code;
                break;
            case data_result::backend_failed:
            case data_result::refused:
            case data_result::aborted:
            case data_result::backend_connect_failed: {
                if (!t.final && !t.waited) return;
                const bool unreachable = t.ended->result == data_result::backend_connect_failed;
                if (t.final && !t.final->positive()) {
                    deliver(*t.final);
                    sent = t.final->code;
                } else if (unreachable) {
                    fail_with(425, "No data connection to the server behind this gateway: " + t.ended->reason);
                } else {
                    fail_with(426, "Transfer cut: " + t.ended->reason);
                }
                // It may wait for us much longer than we for it.
                if (unreachable && !t.final) send_backend({verb::abor, "ABOR", {}}, reply_kind::discarded);
                break;
            }
            case data_result::client_timeout: fail_with(425, "No data connection: " + t.ended->reason); break;
            case data_result::tls_session_not_reused:
                fail_with(522, "Data connections must resume the TLS session of the control connection.");
                break;
            case data_result::client_failed: fail_with(426, "Transfer cut: " + t.ended->reason); break;
            case data_result::not_established:
                fail_with(425, t.ended->reason);
                send_backend({verb::abor, "ABOR", {}}, reply_kind::discarded);
                break;
        }
        t.answered = true;
        ++turn_;
        if (t.path != data_path::relay) times_.activity = times_.now;
        actions_.emplace_back(relay_act::transfer_finished{sent, *t.ended});
    }
    if (t.final) finish_transfer();
}

/// Only ABOR, STAT and our NOOP may be unanswered then, and are answered before anything else is sent.
void relay_machine::finish_transfer() {
    clear_transfer();
    forget(0);
    if (!pending_.empty()) stage_ = stage::awaiting_reply;
}

void relay_machine::clear_transfer() {
    transfer_ = {};
    stage_ = stage::open;
}

}  // namespace sallyport::proto
