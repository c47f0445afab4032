#pragma once
// Drivers of both machines for tests: a server, and a gateway with a server as its backend. Each notes what its server has
// understood, as a gateway and its backend must not read a client's bytes differently (GW-04). Values for one thread.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/proto/server_machine.hpp>

namespace sallyport::proto {

[[nodiscard]] inline endpoint at(std::string_view text) { return *endpoint::parse(text); }

/// The settings of both machines and the behavior of their drivers.
struct circumstances {
    bool tls = false;
    bool tls_required = false;
    bool implicit_tls = false;
    bool ccc = false;
    bool ipv6 = false;

    [[nodiscard]] endpoint service() const { return at(ipv6 ? "[2001:db8::1]:21" : "10.0.0.1:21"); }
    [[nodiscard]] endpoint backend() const { return at(ipv6 ? "[2001:db8::2]:21" : "10.0.0.2:21"); }
    [[nodiscard]] endpoint client() const { return at(ipv6 ? "[2001:db8::7]:40000" : "198.51.100.7:40000"); }
    [[nodiscard]] endpoint passive_port() const { return at(ipv6 ? "[2001:db8::1]:50000" : "10.0.0.1:50000"); }
};

/// The driver of a server. Passwords other than "wrong" are accepted, each file exists, and a transfer finishes immediately.
class server_side {
public:
    server_side(const circumstances& about, const endpoint& local, const endpoint& peer, bool as_backend)
        : about_(about), machine_(settings(about, local, peer, as_backend)) {
        work();
    }

    void client(std::string_view bytes) {
        machine_.receive(bytes);
        work();
    }
    void directive(std::string_view text) {
        if (text == "hold") hold_ = true;
        if (text == "no ports") ports_left_ = false;
        if (text == "end of input") machine_.input_ended();
        if (text == "finish") {
            hold_ = false;
            if (machine_.transfer_running()) machine_.transfer_done(transfer_outcome{}, true);
        }
        work();
    }
    [[nodiscard]] std::string take() {
        std::string out;
        machine_.release_output(out);
        return out;
    }
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    /// The logins, files and transfers that the client's commands have requested, one per line.
    [[nodiscard]] const std::string& understood() const noexcept { return understood_; }

private:
    [[nodiscard]] static server_settings settings(const circumstances& about, const endpoint& local, const endpoint& peer,
                                                  bool as_backend) {
        server_settings s;
        s.local = local;
        s.peer = peer;
        if (as_backend) return s;
        s.tls_available = about.tls;
        s.tls_required = about.tls_required;
        s.tls_active = about.implicit_tls;
        s.ccc_allowed = about.ccc;
        return s;
    }

    void work() {
        for (;;) {
            const auto action = machine_.next();
            if (std::holds_alternative<act::need_input>(action) || std::holds_alternative<act::paused>(action)) return;
            if (std::holds_alternative<act::close>(action)) {
                closed_ = true;
                return;
            }
            if (std::holds_alternative<act::start_tls>(action)) machine_.tls_started();
            if (std::holds_alternative<act::clear_tls>(action)) machine_.tls_cleared();
            note(action);
            if (const auto* login = std::get_if<act::check_login>(&action))
                machine_.login_done(login->request.password == "wrong" ? fail(errc::login_refused) : result<void>());
            if (std::holds_alternative<act::open_passive>(action))
                machine_.passive_done(ports_left_ ? result<endpoint>(about_.passive_port())
                                                  : fail(errc::exhausted, "all ports are in use"));
            if (std::holds_alternative<act::run_file>(action)) machine_.file_done(file_result{});
            if (std::holds_alternative<act::start_transfer>(action)) {
                machine_.transfer_opened("Here it comes.");
                if (!hold_) machine_.transfer_done(transfer_outcome{}, true);
            }
            if (std::holds_alternative<act::abort_transfer>(action)) machine_.transfer_done(fail(errc::cancelled), true);
        }
    }

    void note(const server_action& action) {
        if (const auto* login = std::get_if<act::check_login>(&action))
            understood_ += "login " + login->request.user + " " + login->request.password + "\n";
        if (const auto* file = std::get_if<act::run_file>(&action)) {
            const auto& r = file->request;
            understood_ += std::string(row_of(r.command).name) + " " + r.path.text() + " " + r.from.text() + " " +
                           std::to_string(r.modified.value_or(0)) + "\n";
        }
        if (const auto* transfer = std::get_if<act::start_transfer>(&action)) {
            const auto& r = transfer->request;
            understood_ += std::string(row_of(r.command).name) + " " + r.path.text() + " " + std::to_string(r.offset) +
                           (r.type == data_type::ascii ? " A" : " I");
            for (const auto& each : r.names) understood_ += " " + each.path.text();
            understood_ += " " + r.pattern + "\n";
        }
    }

    circumstances about_;
    server_machine machine_;
    std::string understood_;
    bool hold_ = false;
    bool ports_left_ = true;
    bool closed_ = false;
};

/// The driver of a gateway, with its backends.
class gateway_side {
public:
    gateway_side(const circumstances& about, bool chooses)
        : about_(about),
          backend_(chooses ? nullptr : connect()),
          machine_(chooses ? relay_machine(settings(about)) : relay_machine(settings(about), greeting())) {
        work();
    }

    void client(std::string_view bytes) {
        machine_.from_client(bytes);
        work();
    }
    void directive(std::string_view text) {
        if (text == "no ports") ports_left_ = false;
        if (text == "hold") hold_ = true;
        if (text == "end of input") machine_.report(relay_outcome::input_ended{});
        if (text == "finish") hold_ = false;
        if (backend_ && text != "no ports" && text != "end of input") backend_->directive(text);
        if (text == "finish" && machine_.stages().now() == relay_stage::transfer)
            machine_.report(relay_outcome::data_ended{});
        work();
    }
    [[nodiscard]] std::string take() { return std::exchange(to_client_, {}); }
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    /// Of all its backends.
    [[nodiscard]] std::string understood() const { return earlier_ + (backend_ ? backend_->understood() : std::string()); }

private:
    [[nodiscard]] static relay_settings settings(const circumstances& about) {
        relay_settings s;
        s.client_peer = about.client();
        s.client_destination = s.backend.gateway = about.service().address;
        s.backend.peer = about.backend();
        s.tls_available = about.tls;
        s.tls_required = about.tls_required;
        s.tls_active = about.implicit_tls;
        s.ccc_allowed = about.ccc;
        return s;
    }
    [[nodiscard]] std::unique_ptr<server_side> connect() const {
        return std::make_unique<server_side>(about_, about_.backend(), endpoint{about_.service().address, 4000}, true);
    }
    [[nodiscard]] reply greeting() const {
        const auto line = backend_->take();
        return {220, {line.substr(4, line.size() - 6)}};
    }

    void work() {
        for (;;) {
            const auto action = machine_.next();
            std::string out;
            machine_.release_client_output(out);
            to_client_ += out;
            machine_.release_backend_output(out);
            if (backend_) backend_->client(out);
            if (std::holds_alternative<relay_act::close>(action)) {
                closed_ = true;
                return;
            }
            perform(action);
            const auto replies = backend_ && machine_.backend().is_connected() ? backend_->take() : std::string();
            if (!replies.empty())
                machine_.from_backend(replies);
            else if (std::holds_alternative<relay_act::idle>(action))
                return;
        }
    }

    void perform(const relay_action& action) {
        if (const auto* tls = std::get_if<relay_act::start_tls>(&action); tls != nullptr && tls->on == leg::client)
            machine_.report(relay_outcome::client_tls_started{});
        if (std::holds_alternative<relay_act::end_tls>(action)) machine_.report(relay_outcome::client_tls_ended{});
        if (std::holds_alternative<relay_act::reserve_port>(action))
            machine_.report(relay_outcome::port_reserved{ports_left_ ? result<endpoint>(about_.passive_port())
                                                                     : fail(errc::exhausted, "all ports are in use")});
        if (std::holds_alternative<relay_act::find_backend>(action)) {
            if (backend_) earlier_ += backend_->understood();
            backend_ = connect();
            // The greeting.
            (void)backend_->take();
            machine_.report(relay_outcome::backend_found{
                {.peer = about_.backend(), .refused = {}, .gateway = about_.service().address}});
        }
        if (std::holds_alternative<relay_act::confirm_data>(action)) {
            machine_.report(relay_outcome::data_connected{{about_.client().address, 40001}});
            if (!hold_) machine_.report(relay_outcome::data_ended{});
        }
    }

    circumstances about_;
    std::unique_ptr<server_side> backend_;
    relay_machine machine_;
    std::string earlier_;
    std::string to_client_;
    bool hold_ = false;
    bool ports_left_ = true;
    bool closed_ = false;
};

}  // namespace sallyport::proto
