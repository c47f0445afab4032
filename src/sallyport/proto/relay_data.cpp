// The relay machine's data connections: negotiated on each leg by itself, joined by the driver (G1, G3, G4, GW-02, GW-03).

#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/relay_machine.hpp>

#include <utility>

namespace sallyport::proto {
namespace {

constexpr std::uint16_t first_free_port = 1024;  // below are services, never data ports (DC-01)

// The zone of a link-local address is the socket's business: text in the protocol can't know it.
[[nodiscard]] bool same_host(const ip_address& a, const ip_address& b) noexcept {
    return a.is_v4() == b.is_v4() && a.bytes() == b.bytes();
}

[[nodiscard]] bool is_upload(verb id) noexcept { return data_use_of(id) == data_use::upload; }

[[nodiscard]] bool is_passive(verb id) noexcept { return data_use_of(id) == data_use::passive; }

}  // namespace

// ---- PASV, EPSV, PORT, EPRT

// Whatever was negotiated before is void from here on, also where the new request is refused (DC-07).
void relay_machine::negotiate(const command& cmd) {
    if (!logged_in_) return refuse(cmd, 530, "Log in first with USER and PASS.");
    if (epsv_all_ && cmd.id != verb::epsv) return refuse(cmd, 501, "After EPSV ALL only EPSV is allowed.");
    reset_channel();
    negotiation_ = {cmd.id, {}, {}};
    if (cmd.id == verb::epsv && !take_epsv(cmd)) return;
    if (!is_passive(cmd.id) && !take_target(cmd)) return;
    ask_backend_port();
}

bool relay_machine::take_epsv(const command& cmd) {
    const auto argument = parse_epsv_argument(cmd.argument);
    const bool v4 = settings_.client_peer.address.is_v4();
    if (!argument && argument.error().code != errc::unsupported) {
        refuse(cmd, 501, argument.error().what);
        return false;
    }
    if (!argument || *argument == (v4 ? epsv_argument::ipv6 : epsv_argument::ipv4)) {
        refuse(cmd, 522,
               v4 ? "Network protocol not supported on this connection, use (1)."
                  : "Network protocol not supported on this connection, use (2).");
        return false;
    }
    if (*argument != epsv_argument::all) return true;
    epsv_all_ = true;
    answer(200, "EPSV ALL accepted.");
    return false;
}

bool relay_machine::take_target(const command& cmd) {
    const auto target = cmd.id == verb::port ? parse_host_port(cmd.argument) : parse_eprt(cmd.argument);
    if (!target && target.error().code == errc::unsupported) {
        refuse(cmd, 522, "Network protocol not supported, use (1,2).");
        return false;
    }
    if (!target) {
        refuse(cmd, 501, target.error().what);
        return false;
    }
    const auto& client = settings_.client_peer.address;
    if (!same_host(target->address, client) || target->port < first_free_port) {
        note(relay_note::bounce, cmd.name + ' ' + target->text() + " from " + client.text());
        // The client behind NAT that the articles tell of: it names an address that means nothing here.
        const bool behind_nat = target->address.is_private() && !client.is_private();
        refuse(cmd, 504,
               behind_nat ? target->address.text() +
                                " is a private address that cannot be reached from here; use passive mode, EPSV or PASV."
                          : "Data connections go to your own address only, to a port from 1024 on.");
        return false;
    }
    negotiation_.target = {client, target->port};
    return true;
}

void relay_machine::ask_backend_port() {
    stage_ = stage::negotiating;
    const bool extended = settings_.backend_epsv || settings_.backend_peer.address.is_v6();
    send_backend(extended ? command{verb::epsv, "EPSV", {}} : command{verb::pasv, "PASV", {}}, owed::negotiation);
}

void relay_machine::on_negotiation(const reply& r) {
    if (r.preliminary()) return;
    const verb sent = pending_.front().id;
    forget(0);
    if (sent == verb::epsv && r.permanent() && r.code != 530 && settings_.backend_peer.address.is_v4()) {
        settings_.backend_epsv = false;  // remembered: PASV from now on
        return ask_backend_port();
    }
    stage_ = stage::open;
    if (r.transient() || r.permanent()) {
        if (is_passive(negotiation_.asked)) return deliver(r);
        return answer(425, "The server behind this gateway opens no data port: " + r.text());
    }
    std::optional<std::uint16_t> port;
    if (sent == verb::epsv && r.code == 229) {
        if (const auto parsed = parse_229(r.text())) port = *parsed;
    } else if (sent == verb::pasv && r.code == 227) {
        if (const auto parsed = parse_227(r.text())) port = parsed->port;
    }
    if (port && *port >= first_free_port) return backend_port_known(*port);
    note(relay_note::violation, "the backend's data port is unusable: " + std::to_string(r.code) + ' ' + r.text());
    answer(425, "The server behind this gateway offered no usable data port.");
}

void relay_machine::backend_port_known(std::uint16_t port) {
    negotiation_.backend = {settings_.backend_peer.address, port};
    if (is_passive(negotiation_.asked)) {
        stage_ = stage::reserving;
        actions_.emplace_back(relay_act::reserve_port{negotiation_.asked == verb::epsv});
        return;
    }
    channel_ = channel{leg_connects{negotiation_.target}, leg_connects{negotiation_.backend}};
    const std::string name(row_of(negotiation_.asked).name);
    if (notes_)
        note(relay_note::rewritten, name + ' ' + negotiation_.target.text() + " -> backend " + negotiation_.backend.text());
    answer(200, name + " command successful.");
}

void relay_machine::port_reserved(const result<endpoint>& advertised) {
    if (stage_ != stage::reserving) return;
    stage_ = stage::open;
    const bool extended = negotiation_.asked == verb::epsv;
    if (!advertised) return answer(425, "No data port can be opened: " + advertised.error().text());
    if (!extended && !advertised->address.is_v4()) {
        actions_.emplace_back(relay_act::drop_data{});
        return answer(425, "PASV cannot name an IPv6 address; use EPSV.");
    }
    channel_ = channel{leg_listens{}, leg_connects{negotiation_.backend}};
    if (notes_) {
        note(relay_note::rewritten,
             (extended ? "229 " : "227 ") + negotiation_.backend.text() + " -> " + advertised->text());
    }
    if (extended) return answer(229, format_229(advertised->port));
    answer(227, format_227(*advertised));
}

void relay_machine::reset_channel() {
    if (!channel_) return;
    channel_.reset();
    actions_.emplace_back(relay_act::drop_data{});
}

// ---- Transfers

void relay_machine::transfer(const command& cmd) {
    if (!logged_in_) return refuse(cmd, 530, "Log in first with USER and PASS.");
    if (!channel_) return refuse(cmd, 425, "Use PASV, EPSV, PORT or EPRT first.");
    if (settings_.tls_required && !protect_client_)
        return refuse(cmd, 521, "Data connections must be encrypted here; send PROT P.");
    relay_plan plan{cmd.id,          cmd.argument,      is_upload(cmd.id), channel_->client, channel_->backend,
                    protect_client_, backend_protected_};
    channel_.reset();
    transfer_ = {};
    stage_ = stage::transfer;
    send_backend(cmd, owed::transfer);
    actions_.emplace_back(relay_act::open_data{std::move(plan)});
}

void relay_machine::on_transfer(reply r) {
    if (r.preliminary()) {
        if (transfer_.answered) return;
        deliver(r);
        if (!transfer_.ended) actions_.emplace_back(relay_act::confirm_data{});
        return;
    }
    // After a refusal no byte is worth waiting for, and what came must not be taken for the whole.
    if (!r.positive() && !transfer_.ended) {
        actions_.emplace_back(relay_act::drop_data{});
        transfer_.ended = data_outcome{data_end::backend_failed, {}};
    }
    transfer_.final = std::move(r);
    join_transfer();
}

void relay_machine::data_ended(const data_outcome& outcome) {
    if (stage_ != stage::transfer || transfer_.ended) return;
    transfer_.ended = outcome;
    join_transfer();
}

// A transfer is over when the data path has ended and the backend has spoken. Only both together make a success; a failure
// on our side of things is told at once, and the backend's word is then awaited in silence.
void relay_machine::join_transfer() {
    auto& t = transfer_;
    if (!t.ended) return;
    const auto fail_with = [&](int code, std::string_view text) {
        if (notes_) note(relay_note::refused, std::to_string(code) + ' ' + std::string(text));
        std::string line;
        append_reply(line, code, text);
        emit(line);
        t.answered = true;
    };
    if (!t.answered) {
        switch (t.ended->end) {
            case data_end::complete:
                if (!t.final) return;
                deliver(*t.final);
                break;
            case data_end::backend_failed:
            case data_end::aborted:
                if (!t.final) return;
                if (t.final->positive())
                    fail_with(426, "Transfer cut: " + t.ended->why);
                else
                    deliver(*t.final);
                break;
            case data_end::client_never_came: fail_with(425, "No data connection: " + t.ended->why); break;
            case data_end::client_not_bound:
                fail_with(522, "Data connections must resume the TLS session of the control connection.");
                break;
            case data_end::client_failed: fail_with(426, "Transfer cut: " + t.ended->why); break;
            case data_end::backend_unreachable:
                fail_with(425, "No data connection to the server behind this gateway: " + t.ended->why);
                // It may wait for us much longer than we for it.
                if (!t.final) send_backend({verb::abor, "ABOR", {}}, owed::swallowed);
                break;
        }
        t.answered = true;
    }
    if (!t.final) return;
    transfer_ = {};
    stage_ = stage::open;
    forget(0);
}

}  // namespace sallyport::proto
