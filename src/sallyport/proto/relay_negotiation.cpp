#include <sallyport/proto/relay_negotiation.hpp>

#include <string>
#include <utility>

#include <sallyport/base/ports.hpp>
#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/relay_methods.hpp>

namespace sallyport::proto {
namespace {

// The code is about the command, not about the moment or the user: the next session need not send it again.
[[nodiscard]] bool refuses_the_command(int code) noexcept {
    return code == 500 || code == 501 || code == 502 || code == 504 || code == 522;
}

[[nodiscard]] std::string no_usable_port(data_method method, const reply& r) {
    return "the backend's reply to " + std::string(name(method)) + " has no usable port: " + std::to_string(r.code) + ' ' +
           r.full_text();
}

[[nodiscard]] std::string path_text(const data_path_choice& path) {
    if (path.path != data_path::relay) return "path " + std::string(name(path.path));
    return "path relay: " + std::string(text(path.reason));
}

[[nodiscard]] bool is_refusal(const reply& r) noexcept { return r.transient() || r.permanent(); }

}  // namespace

// ---- The client's request

// Whatever was negotiated before is void from here on, also where the new request is refused (DC-07).
std::optional<relay_event> relay_negotiation::start(const command& cmd, const negotiation_context& c) {
    cancel(c.out);
    const auto wanted = requests_.read(cmd);
    if (!wanted) {
        const auto& no = wanted.error();
        if (no.bounce_attempt)
            c.out.note(relay_note::bounce_attempt,
                       cmd.name + ' ' + no.bounce_attempt->text() + " from " + c.settings.client_peer.address.text());
        if (no.reply.code == 200)
            c.out.send_local_reply(no.reply);
        else
            c.out.refuse(cmd, no.reply.code, no.reply.text);
        return std::nullopt;
    }
    const auto& server = c.backend.server();
    const auto method = wanted->method;
    now_ = {.client_method = method,
            .target = wanted->target,
            .backend_methods =
                backend_methods(c.settings.data_mode, method, server.peer.address.is_v6(), server.refused, failed_)};
    backend_port_.reset();
    choose_path(c);
    if (now_.path.path == data_path::direct) {
        if (method == data_method::epsv) {
            c.out.refuse(cmd, 502, "EPSV cannot name the FTP server's address; use PASV.");
            return std::nullopt;
        }
        // First what the client can get as it is; if the backend refuses, the data are relayed.
        if (!is_active(method)) std::erase(now_.backend_methods, data_method::pasv);
        now_.backend_methods.insert(now_.backend_methods.begin(), method);
    }
    if (now_.backend_methods.empty()) {
        c.out.refuse(cmd, 425,
                     "No data method is left: the FTP server has an IPv6 address, which PASV and PORT cannot name.");
        return std::nullopt;
    }
    return send_method(c);
}

// ---- The backend leg

relay_event relay_negotiation::send_method(const negotiation_context& c) {
    const data_method method = now_.backend_methods.front();
    now_.sent = method;
    choose_path(c);
    std::string argument;
    if (is_active(method)) {
        const bool direct = now_.path.path == data_path::direct;
        if (!direct && !backend_port_) {
            relay_act::reserve_port reserve{leg::backend, !only_ipv4(method), false, {}};
            if (now_.path.path == data_path::kernel) reserve.to = now_.target;
            c.out.request(reserve);
            return relay_event::backend_port_requested;
        }
        const auto& to = direct ? now_.target : *backend_port_;
        argument = only_ipv4(method) ? format_host_port(to) : format_eprt(to);
    } else {
        // The backend has refused to connect to it.
        release_backend_port(c.out);
    }
    (void)c.out.send_command({verb_of(method), std::string(name(method)), std::move(argument)}, reply_kind::negotiation);
    return relay_event::data_method_sent;
}

relay_event relay_negotiation::backend_port_reserved(const result<endpoint>& port, const negotiation_context& c) {
    if (port) {
        backend_port_ = *port;
        return send_method(c);
    }
    std::erase_if(now_.backend_methods, is_active);
    if (!now_.backend_methods.empty()) return send_method(c);
    return fail_with(no_port_reply(port.error()), c.out);
}

// The backend knows a port that no connection can use; the next method that it accepts takes its place.
relay_event relay_negotiation::backend_port_opened(opening_result opening, const negotiation_context& c) {
    note_forwarding(opening == opening_result::forwarded, c);
    if (opening != opening_result::closed) return active_agreed(c.out);
    std::erase_if(now_.backend_methods, is_active);
    if (!now_.backend_methods.empty()) return send_method(c);
    return fail_with({425, "No data connection can be forwarded now; try again later."}, c.out);
}

relay_event relay_negotiation::on_reply(const reply& r, const negotiation_context& c) {
    const data_method method = now_.backend_methods.front();
    if (read_backend_leg(r, c.backend)) return backend_leg_agreed(c);
    // Whatever its code, a reply without a usable port is a refusal of the method.
    if (r.code != 530 && now_.backend_methods.size() > 1) return send_next_method(r, c);
    if (!is_refusal(r)) {
        c.out.note(relay_note::violation, no_usable_port(method, r));
        return fail_with({425, "The FTP server offered no usable data port."}, c.out);
    }
    if (is_active(method)) {
        return fail_with({425, "The FTP server refused " + std::string(name(method)) + ": " + r.full_text()}, c.out);
    }
    if (is_active(now_.client_method))
        return fail_with({425, "The FTP server refused passive mode: " + r.full_text()}, c.out);
    c.out.forward_reply(r);
    return relay_event::negotiation_finished;
}

relay_event relay_negotiation::send_next_method(const reply& refusal, const negotiation_context& c) {
    const data_method method = now_.backend_methods.front();
    const bool direct = now_.path.path == data_path::direct;
    if (direct && is_active(method)) {
        // It refuses the address, not the command.
        client_address_refused_ = true;
    } else if (!is_refusal(refusal) || refuses_the_command(refusal.code)) {
        c.backend.add_refused(method);
    }
    now_.direct_refused = now_.direct_refused || direct;
    now_.backend_methods.erase(now_.backend_methods.begin());
    if (c.out.has_notes()) {
        const auto next = "; trying " + std::string(name(now_.backend_methods.front()));
        if (is_refusal(refusal))
            c.out.note(relay_note::refused, std::string(name(method)) + " by the backend: " + std::to_string(refusal.code) +
                                                ' ' + refusal.full_text() + next);
        else
            c.out.note(relay_note::violation, no_usable_port(method, refusal) + next);
    }
    return send_method(c);
}

bool relay_negotiation::read_backend_leg(const reply& r, const relay_backend_leg& backend) {
    const data_method method = now_.backend_methods.front();
    if (is_active(method)) {
        now_.backend = accept_on_port{};
        return r.positive();
    }
    std::optional<std::uint16_t> port;
    if (method == data_method::epsv && r.code == 229) {
        if (const auto parsed = search_lines(r, parse_229)) port = *parsed;
    } else if (method == data_method::pasv && r.code == 227) {
        if (const auto parsed = search_lines(r, parse_227)) {
            now_.backend_advertised = *parsed;
            port = parsed->port;
        }
    }
    if (!port || *port < first_unprivileged_port) return false;
    now_.backend = connect_to{{backend.server().peer.address, *port}};
    return true;
}

// ---- The client leg

relay_event relay_negotiation::backend_leg_agreed(const negotiation_context& c) {
    if (now_.path.path == data_path::direct) return direct_agreed(c);
    if (!is_active(now_.client_method)) {
        relay_act::reserve_port reserve{leg::client, now_.client_method == data_method::epsv, c.client_data_tls, {}};
        const auto* to = std::get_if<connect_to>(&now_.backend);
        if (to != nullptr && now_.path.path == data_path::kernel)
            reserve.to = to->to;
        else if (to != nullptr)
            reserve.backend_port = to->to.port;
        c.out.request(reserve);
        return relay_event::client_port_requested;
    }
    // No connection may pass before the backend has accepted its port.
    if (backend_port_ && now_.path.path == data_path::kernel) {
        c.out.request(relay_act::open_port{});
        return relay_event::backend_opening_requested;
    }
    return active_agreed(c.out);
}

relay_event relay_negotiation::active_agreed(relay_output& out) {
    agree(now_.target, out);
    out.send_local_reply(active_reply(now_.client_method));
    return relay_event::negotiation_finished;
}

relay_event relay_negotiation::client_port_reserved(const result<endpoint>& port, bool forwarded,
                                                    const negotiation_context& c) {
    const auto done = passive_reply(now_.client_method, port);
    requests_.note_answer(done);
    if (done.code == 425) {
        if (port) {
            backend_port_.reset();
            c.out.request(relay_act::release_data{});
        }
        return fail_with(done, c.out);
    }
    note_forwarding(forwarded, c);
    agree(*port, c.out);
    c.out.send_local_reply(done);
    return relay_event::negotiation_finished;
}

/// `client`: the client's target, or the port that is advertised to it.
void relay_negotiation::agree(const endpoint& client, relay_output& out) {
    const auto method = now_.backend_methods.front();
    if (out.has_notes()) {
        const auto* to = std::get_if<connect_to>(&now_.backend);
        const auto backend = to != nullptr ? to->to : backend_port_.value_or(endpoint());
        out.note(relay_note::rewritten, "Data connection: client " + std::string(name(now_.client_method)) + ' ' +
                                            client.text() + ", backend " + std::string(name(method)) + ' ' + backend.text() +
                                            ", " + path_text(now_.path));
    }
    agreed_ = negotiated_data{now_.path,
                              is_active(now_.client_method) ? leg_setup(connect_to{client}) : leg_setup(accept_on_port{}),
                              now_.backend, now_.client_method, method};
    // The port belongs to what was agreed on.
    backend_port_.reset();
}

/// Client and backend connect to each other, past the gateway (G7, solution 1).
relay_event relay_negotiation::direct_agreed(const negotiation_context& c) {
    const bool passive = !is_active(now_.client_method);
    // The address in the 227 is known now.
    choose_path(c);
    const auto& advertised = now_.backend_advertised;
    const endpoint to =
        passive ? endpoint{c.backend.server().direct.external_address.value_or(advertised.address), advertised.port}
                : now_.target;
    const std::string method(name(now_.client_method));
    if (now_.path.path != data_path::direct) {
        c.out.note(relay_note::refused, method + ' ' + to.text() + " of the backend cannot be reached from " +
                                            c.settings.client_peer.address.text() + "; relaying the data connection");
        return backend_leg_agreed(c);
    }
    c.out.note(relay_note::rewritten, "Data connection: client " + method + ' ' + to.text() + ", " + path_text(now_.path));
    agreed_ = negotiated_data{now_.path, {}, {}, now_.client_method, now_.client_method};
    const auto done = passive ? local_reply{227, format_227(to)} : active_reply(now_.client_method);
    if (passive) requests_.note_answer(done);
    c.out.send_local_reply(done);
    return relay_event::negotiation_finished;
}

site_doctor_session relay_negotiation::doctor_session(const endpoint& peer, data_sources arrived) const {
    // It belongs to the negotiation before.
    if (agreed_ && is_active(agreed_->client_method)) arrived = {};
    return {peer, requests_.last_line(), std::move(arrived)};
}

// ---- The end of it

relay_event relay_negotiation::fail_with(const local_reply& no, relay_output& out) {
    release_backend_port(out);
    out.send_local_reply(no);
    return relay_event::negotiation_finished;
}

void relay_negotiation::release_backend_port(relay_output& out) {
    if (std::exchange(backend_port_, std::nullopt)) out.request(relay_act::release_data{});
}

relay_plan relay_negotiation::take_plan(const command& cmd, const negotiation_context& c) {
    auto data = std::move(*agreed_);
    agreed_.reset();
    relay_plan plan{.command = cmd.id,
                    .argument = cmd.argument,
                    .upload = data_use_of(cmd.id) == data_use::upload,
                    .data_path = data.path,
                    .client = std::move(data.client),
                    .backend = std::move(data.backend),
                    .protect_client = c.client_data_tls,
                    .protect_backend = c.backend.data_protected(),
                    .connect_limit = c.settings.timeouts.data_connect,
                    .start_limit = c.settings.timeouts.data_start,
                    .client_method = data.client_method,
                    .backend_method = data.backend_method};
    return plan;
}

void relay_negotiation::cancel(relay_output& out) {
    if (std::exchange(agreed_, std::nullopt)) out.request(relay_act::release_data{});
}

// ---- The data path

void relay_negotiation::choose_path(const negotiation_context& c) {
    const auto& server = c.backend.server();
    data_path_facts facts{
        .rules = c.settings.paths,
        .tls_required = c.settings.tls_required,
        .direct = server.direct,
        .backend_proxy_headers = server.proxy_headers,
        .backend_refuses_pasv = server.refused.contains(data_method::pasv),
        .client = c.settings.client_peer.address,
        .backend = server.peer.address,
        .client_data_tls = c.client_data_tls,
        .backend_data_tls = c.backend.data_protected(),
        .epsv_all = requests_.epsv_all(),
        .client_method = now_.client_method,
        .backend_method = now_.sent,
        .direct_refused = now_.direct_refused || (is_active(now_.client_method) && client_address_refused_),
        .kernel_refused = now_.kernel_refused};
    if (now_.backend_advertised.port != 0) facts.advertised = now_.backend_advertised.address;
    now_.path = choose_data_path(facts);
}

/// The kernel forwards as it was asked to, or the data are relayed.
void relay_negotiation::note_forwarding(bool forwarded, const negotiation_context& c) {
    if (forwarded || now_.path.path != data_path::kernel) return;
    now_.kernel_refused = true;
    choose_path(c);
}

}  // namespace sallyport::proto
