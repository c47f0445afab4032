#include <sallyport/proto/client_machine.hpp>

#include <algorithm>
#include <array>

#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/size_reply.hpp>

namespace sallyport::proto {

namespace {

constexpr std::uint16_t first_unprivileged_port = 1024;

/// Below 1024 are services that a hostile server may want us to touch (CL-01). FTP's own ports and that of HTTPS are given
/// out on purpose, to clients whose firewall lets nothing else through (G8).
bool may_carry_data(std::uint16_t port) noexcept {
    return port >= first_unprivileged_port || port == 20 || port == 21 || port == 443 || port == 989 || port == 990;
}

/// A server that can't connect to us says so, but it may find out later than we do; its words say more than ours.
constexpr auto words_for_no_data = std::chrono::seconds(2);

/// A control connection may be silent as long as data move; the data side has its own limits.
constexpr auto while_data_moves = std::chrono::hours(24 * 365);

}  // namespace

std::string_view name(client_step s) noexcept {
    static constexpr std::array<std::string_view, 10> names{"resolve", "connect", "greeting", "tls",        "login",
                                                            "request", "data",    "transfer", "local_file", "listing"};
    return names.at(static_cast<std::size_t>(s));
}

client_machine::client_machine(client_settings settings)
    : settings_(std::move(settings)), tls_active_(settings_.tls_active), last_{0, {std::string()}} {
    if (tls_active_) channel_.leave_telnet();
}

// ---- Orders

void client_machine::begin(client_step expected_failure) {
    failure_.reset();
    if (ended_) fail_order(expected_failure, error{errc::closed, 0, "the control connection is gone"});
}

void client_machine::begin_transfer(client_transfer order) {
    begin(client_step::request);
    order_ = std::move(order);
    size_path_.reset();
    announced_.reset();
    attempts_.clear();
    told_to_move_ = data_over_ = control_over_ = confirmed_ = false;
    if (!failure_) require_type(order_.ascii);
}

void client_machine::begin_size(std::string path) {
    begin(client_step::request);
    size_.reset();
    unreadable_size_.clear();
    size_path_ = std::move(path);
    if (!failure_ && !size_unknown_to_server_) require_type(false);
}

void client_machine::begin_request(verb what, std::string argument) {
    begin(client_step::request);
    if (!failure_) send(step::plain, row_of(what).name, argument);
}

void client_machine::begin_quit() {
    failure_.reset();
    step_ = step::idle;
    if (!ended_) send(step::quit, "QUIT");
}

// ---- The loop of the driver

client_action client_machine::next() {
    for (;;) {
        switch (step_) {
            case step::idle: return client_act::done{};
            case step::handshake: return client_act::start_tls{};
            case step::connecting: return client_act::connect_data{attempts_.back().to, settings_.data_open};
            case step::listening: return client_act::listen_data{};
            case step::accepting: return client_act::accept_data{settings_.data_open};
            case step::moving:
                if (auto action = moving_action()) return *action;
                break;
            default: break;
        }
        answer a;
        switch (channel_.next(a)) {
            case client_channel::status::need_more: return read_action();
            case client_channel::status::ended:
                end_session(failing_step(), channel_.failure(), channel_.reply_code() != 0 ? &a.what : nullptr);
                break;
            case client_channel::status::answer:
                last_ = a.what;
                on_answer(a);
                break;
        }
    }
}

std::optional<client_action> client_machine::moving_action() {
    if (!told_to_move_) {
        told_to_move_ = true;
        return client_act::move_data{protected_};
    }
    if (!control_over_) return std::nullopt;
    if (data_over_) {
        step_ = step::idle;
        return client_act::done{};
    }
    if (failure_ && failure_->reply_code != 0) return client_act::drop_data{};
    return client_act::await_data{};
}

client_act::read client_machine::read_action() const {
    switch (step_) {
        case step::greeting: return {delayed_ ? settings_.delayed_greeting : settings_.greeting, turn_};
        case step::quit: return {settings_.quit, turn_};
        case step::moving: return {data_over_ ? settings_.reply : while_data_moves, turn_};
        case step::negotiate: return {std::min(settings_.reply, settings_.data_open), turn_};
        case step::unopened: return {std::min<std::chrono::milliseconds>(settings_.reply, words_for_no_data), turn_};
        case step::request:
            // In active mode the server connects to us before it answers: a firewall in between shows as silence here.
            return {is_active(attempts_.back().method) ? settings_.data_open : settings_.reply, turn_};
        default: return {settings_.reply, turn_};
    }
}

void client_machine::on_answer(const answer& a) {
    const reply& r = a.what;
    switch (step_) {
        case step::greeting: return on_greeting(r);
        case step::auth_tls:
        case step::auth_ssl: return on_auth(r);
        case step::user:
        case step::pass:
        case step::acct: return on_login(r);
        case step::pbsz:
        case step::prot: return on_protection(r);
        case step::feat: return on_feat(r);
        case step::opts:   // an offer; a refusal changes nothing
        case step::plain:  // the reply is the outcome
            step_ = step::idle;
            return;
        case step::type: return on_type(r);
        case step::size: return on_size(r);
        case step::negotiate: return on_negotiated(r);
        case step::rest:
            if (r.code == 350) return send(step::request, row_of(order_.what).name, order_.path);
            return refuse(client_step::request, errc::unsupported, "the server can't continue a file: ", r);
        case step::request:
        case step::moving: return on_request(r);
        case step::unopened: return on_unopened(r);
        case step::quit:
            step_ = step::idle;
            ended_ = true;
            return;
        case step::idle:
        case step::handshake:
        case step::connecting:
        case step::listening:
        case step::accepting: break;  // next() reads nothing in these
    }
}

void client_machine::send(step then, std::string_view command_name, std::string_view argument) {
    const bool secret = then == step::user || then == step::pass || then == step::acct;
    if (secret && settings_.tls_required && !tls_active_)
        return end_session(client_step::tls, error{errc::misuse, 0, "credentials were about to leave without TLS"});
    step_ = then;
    ++turn_;
    if (auto sent = channel_.send(command_name, argument); !sent) {
        // A bad argument is ours and harms nobody; unasked bytes of the server end the session.
        if (sent.error().code == errc::unexpected) return end_session(failing_step(), sent.error());
        fail_order(failing_step(), sent.error());
    }
}

// ---- Logging in

void client_machine::on_greeting(const reply& r) {
    if (r.code == 120) {
        if (!delayed_) ++turn_;
        delayed_ = true;
        return;
    }
    if (r.code == 220) return after_greeting();
    if (r.transient() || r.permanent())
        return refuse(client_step::greeting, errc::rejected, "the server refuses service: ", r);
    refuse(client_step::greeting, errc::unexpected, "not a greeting (220): ", r);
}

void client_machine::after_greeting() {
    if (settings_.tls_required && !tls_active_) return send(step::auth_tls, "AUTH", "TLS");
    send(step::user, "USER", settings_.user);
}

void client_machine::on_auth(const reply& r) {
    if (r.code == 234) {
        if (!channel_.drained())
            return end_session(client_step::tls,
                               error{errc::unexpected, 0, "plain text after 234: somebody on the way injects replies"});
        step_ = step::handshake;
        return;
    }
    if (step_ == step::auth_tls && r.permanent()) return send(step::auth_ssl, "AUTH", "SSL");
    if (r.transient() || r.permanent()) return refuse(client_step::tls, errc::unsupported, "the server offers no TLS: ", r);
    refuse(client_step::tls, errc::unexpected, "not an answer to AUTH (234): ", r);
}

void client_machine::tls_started() {
    tls_active_ = true;
    channel_.leave_telnet();
    send(step::user, "USER", settings_.user);
}

void client_machine::on_login(const reply& r) {
    if (r.positive()) return after_login();
    if (r.code == 332 && step_ != step::acct) {
        if (!settings_.account.empty()) return send(step::acct, "ACCT", settings_.account);
        return refuse(client_step::login, errc::login_refused, "the server asks for an account too: ", r);
    }
    if (r.intermediate() && step_ == step::user) return send(step::pass, "PASS", settings_.password);
    if (r.code == 530) return refuse(client_step::login, errc::login_refused, {}, r);
    if (r.intermediate()) return refuse(client_step::login, errc::unexpected, "not an answer to the login: ", r);
    refuse(client_step::login, errc::rejected, "the server refuses the login: ", r);
}

void client_machine::after_login() {
    if (tls_active_) return send(step::pbsz, "PBSZ", "0");
    send(step::feat, "FEAT");
}

void client_machine::on_protection(const reply& r) {
    const bool is_prot = step_ == step::prot;
    // Servers without PBSZ exist; PROT alone decides.
    if (!is_prot) return send(step::prot, "PROT", settings_.protect_data ? "P" : "C");
    if (!r.positive())
        return refuse(client_step::tls, errc::rejected,
                      settings_.protect_data ? "the server won't protect data connections: "
                                             : "the server insists on protected data connections: ",
                      r);
    protected_ = settings_.protect_data;
    send(step::feat, "FEAT");
}

void client_machine::on_feat(const reply& r) {
    if (r.code == 211) features_ = feature_set::parse(r);
    if (features_.utf8) return send(step::opts, "OPTS", "UTF8 ON");
    step_ = step::idle;
}

// ---- Before a transfer

void client_machine::require_type(bool ascii) {
    if (ascii == type_is_ascii_) return after_type();
    type_is_ascii_ = ascii;
    send(step::type, "TYPE", ascii ? "A" : "I");
}

void client_machine::on_type(const reply& r) {
    if (r.positive()) return after_type();
    type_is_ascii_ = !type_is_ascii_;
    refuse(client_step::request, errc::rejected, "TYPE was refused: ", r);
}

void client_machine::after_type() {
    if (size_path_) return send(step::size, "SIZE", *size_path_);
    const auto usable = [this](data_method m) { return !skips(m); };
    // Where nothing is left of the list, what failed before may work for once.
    if (std::ranges::none_of(settings_.methods, usable)) gone_wrong_ = {};
    try_next_method(0);
}

void client_machine::on_size(const reply& r) {
    step_ = step::idle;
    if (r.code == 213) size_ = size_in(r);
    if (!size_ && !r.transient() && !r.permanent()) unreadable_size_ = summary(r);
    if (r.code == 500 || r.code == 502) size_unknown_to_server_ = true;
}

// ---- The data connection

bool client_machine::skips(data_method m) const noexcept {
    return (only_ipv4(m) && settings_.peer.address.is_v6()) || gone_wrong_.contains(m);
}

void client_machine::try_next_method(std::size_t from) {
    method_ = from;
    while (method_ < settings_.methods.size() && skips(settings_.methods[method_])) ++method_;
    if (method_ == settings_.methods.size()) {
        if (attempts_.empty())
            return fail_order(client_step::data,
                              error{errc::unsupported, 0, "none of the chosen methods works with IPv6; allow EPSV or EPRT"});
        return fail_order(client_step::data, *attempts_.back().failure);
    }
    const data_method m = settings_.methods[method_];
    attempts_.push_back(data_attempt{.method = m});
    if (is_active(m))
        step_ = step::listening;
    else
        send(step::negotiate, name(m));
}

void client_machine::method_failed(error why, bool remember) {
    const data_method m = settings_.methods[method_];
    attempts_.back().failure = std::move(why);
    if (remember) gone_wrong_.insert(m);
    try_next_method(method_ + 1);
}

void client_machine::on_negotiated(const reply& r) {
    const data_method m = settings_.methods[method_];
    // No usable port is a refusal of the method, whatever the code; only a 4xx may be about the moment.
    if (!r.positive()) return method_failed(error{errc::rejected, 0, summary(r)}, !r.transient());
    if (is_active(m)) return request_transfer();
    auto target = passive_target(r, attempts_.back().advertised);
    if (!target) return method_failed(target.error(), true);
    attempts_.back().to = *target;
    attempts_.back().agreed = true;
    step_ = step::connecting;
}

result<endpoint> client_machine::passive_target(const reply& r, endpoint& advertised) const {
    const bool extended = settings_.methods[method_] == data_method::epsv;
    if (r.code != (extended ? 229 : 227)) return fail(errc::unexpected, "not a passive answer: " + summary(r));
    if (extended) {
        const auto port = search_lines(r, parse_229);
        if (!port) return fail(port.error().code, "no port in it: " + summary(r));
        advertised = {settings_.peer.address, *port};
    } else {
        const auto named = search_lines(r, parse_227);
        if (!named) return fail(named.error().code, "no address in it: " + summary(r));
        advertised = *named;
    }
    if (!may_carry_data(advertised.port))
        return fail(errc::not_allowed, "a port below 1024, where no FTP data are: " + summary(r));
    if (!extended && settings_.address_rule == passive_address::follow) return advertised;
    return endpoint{settings_.peer.address, advertised.port};
}

void client_machine::data_listening(const result<endpoint>& at) {
    if (!at) return method_failed(at.error(), true);
    endpoint announced{settings_.active_address.value_or(at->address), at->port};
    attempts_.back().to = announced;
    if (announced.address.is_v6() && settings_.methods[method_] == data_method::port)
        return method_failed(error{errc::unsupported, 0, "PORT can't carry an IPv6 address"}, true);
    const bool extended = settings_.methods[method_] == data_method::eprt;
    send(step::negotiate, name(settings_.methods[method_]), extended ? format_eprt(announced) : format_host_port(announced));
}

void client_machine::data_opened(const result<void>& outcome) {
    const bool active = step_ == step::accepting;
    if (outcome) {
        if (!active) return request_transfer();
        step_ = step::moving;
        return;
    }
    if (!active) return method_failed(outcome.error(), true);
    if (control_over_) return end_session(client_step::data, outcome.error());
    attempts_.back().failure = outcome.error();
    step_ = step::unopened;
    ++turn_;
}

/// The server has begun a transfer whose data connection we don't have. Where it says that it has none either, the session
/// goes on; else it is out of step from here on.
void client_machine::on_unopened(const reply& r) {
    if (r.preliminary()) return;
    auto ours = *attempts_.back().failure;
    if (r.positive()) return end_session(client_step::data, std::move(ours));
    if (r.code == 425 || r.code == 426) return method_failed(error{errc::rejected, 0, summary(r)}, true);
    refuse(client_step::request, errc::rejected, {}, r);
}

// ---- The transfer

void client_machine::request_transfer() {
    attempts_.back().agreed = true;
    if (order_.offset != 0) return send(step::rest, "REST", std::to_string(order_.offset));
    send(step::request, row_of(order_.what).name, order_.path);
}

void client_machine::on_request(const reply& r) {
    if (r.preliminary()) {
        if (step_ == step::moving) return;
        announced_ = announced_size(r);
        ++turn_;
        step_ = is_active(attempts_.back().method) ? step::accepting : step::moving;
        return;
    }
    const bool begun = step_ == step::moving;
    if (!begun && r.code == 425) return method_failed(error{errc::rejected, 0, summary(r)}, true);
    if (!begun && !r.positive()) return refuse(client_step::request, errc::rejected, {}, r);
    if (!begun && is_active(attempts_.back().method)) {
        // 226 at once: the server connected, sent all and closed before it spoke; its connection waits in our backlog.
        control_over_ = confirmed_ = true;
        step_ = step::accepting;
        return;
    }
    step_ = step::moving;
    control_over_ = true;
    confirmed_ = r.positive();
    if (!confirmed_) failure_ = failure_at(client_step::transfer, {errc::rejected, 0, summary(r)}, &r);
}

void client_machine::data_done() {
    data_over_ = true;
    ++turn_;
}

}  // namespace sallyport::proto
