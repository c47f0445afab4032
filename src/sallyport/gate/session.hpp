#pragma once
// The driver of one relayed session: two control connections, one relay machine, and at most one running transfer. It
// performs the actions of the machine; of the backend it knows only the destination.
//
// The session runs on one loop, and its coroutines own it. Each leg has a reader that feeds the machine and then performs
// the machine's actions; there is no coroutine in between, so a command or a reply passes in one turn of the loop. `client_`
// is the control connection of the client leg, `server_` has that of the backend leg.

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/frontend/session.hpp>
#include <sallyport/gate/backend_selection.hpp>
#include <sallyport/gate/client_control.hpp>
#include <sallyport/gate/data_connections.hpp>
#include <sallyport/gate/passthrough_session.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/gate/session_step.hpp>
#include <sallyport/gate/transfer_report.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/reach/curl_epsv_delay.hpp>

namespace sallyport::gate {

class session final : public frontend::session {
public:
    session(std::shared_ptr<session_context> gate, frontend::admitted_connection from);

    void stop() override;
    void disconnect() override;
    void kill() override;
    [[nodiscard]] status::session_report describe() const override;

    /// Runs a session from its connection to its end.
    friend net::task<> run_session(std::shared_ptr<session> self);

private:
    friend void end_without_memory(session& ended) noexcept;
    friend net::task<> run_backend_leg(std::shared_ptr<session> self);
    friend net::task<> advertise(std::shared_ptr<session> self);
    friend net::task<> open_backend_port(std::shared_ptr<session> self);
    friend net::task<> renew_opening(std::shared_ptr<session> self);
    friend net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<data_relay> relay);
    friend net::task<> on_data_connected(std::shared_ptr<session> self, endpoint client);

    /// Reads and writes in progress on the control connection of one leg.
    struct leg_state {
        explicit leg_state(net::loop& loop) : wake(loop) {}
        // A read of commands or replies is in progress, which may be interrupted; a handshake may not.
        bool reading = false;
        std::string bytes;
        bool writing = false;
        // What is to be sent waits for an opening.
        bool held = false;
        net::event wake;
    };
    struct ending {
        bool stopping = false;
        // Ended by the administrator.
        bool dismissed = false;
        // Ended by RST, without a reply.
        bool killed = false;
        // The client has ended its direction of the control connection.
        bool client_ended = false;
        // The client's control connection is closed or broken.
        bool lost = false;

        [[nodiscard]] status::session_end by(bool quit_received) const noexcept {
            using enum status::session_end;
            if (dismissed) return administrator;
            if (stopping) return shutdown;
            if (quit_received) return quit;
            return lost || client_ended ? client : server;
        }
    };

    [[nodiscard]] std::shared_ptr<session> self() { return std::static_pointer_cast<session>(shared_from_this()); }

    /// The log of this session, for its parts.
    [[nodiscard]] auto sink() {
        return [this](log::level at, std::string_view text) { log(at, text); };
    }

    net::task<> run();

    // From the accepted connection to a running machine
    net::task<std::expected<established_leg, no_leg>> find_destination(backend_selection::search search,
                                                                       std::optional<proto::named_server> named = {});
    net::task<bool> connect_backend();
    net::task<> start_passthrough();
    net::task<> run_passthrough();
    void start_machine(const std::optional<proto::reply>& greeting);
    net::task<> change_backend(proto::relay_act::find_backend request);
    void close_backend();
    void wait_for_user();
    void yield_slot();

    // The legs
    net::task<> read_client();
    net::task<bool> run_step();
    net::task<> read_backend();
    net::task<> start_backend_tls();
    net::task<> advance();
    net::task<> wait_until_sent();
    net::task<> finish();
    void wake(bool sooner = false);
    [[nodiscard]] bool is_closing() const noexcept { return ending_.lost || machine_->closing(); }
    [[nodiscard]] bool stop_pending() const noexcept {
        return ending_.stopping && (ending_.dismissed || machine_->stages().now() != proto::relay_stage::transfer);
    }

    // Actions of the machine
    void perform();
    void reserve_port(const proto::relay_act::reserve_port& request);
    void open_data(proto::relay_plan plan);
    void admit_user(const std::string& name);
    [[nodiscard]] record_owner owner() const;
    void note(proto::relay_note kind, std::string_view text);

    std::shared_ptr<session_context> gate_;
    net::loop& loop_;
    client_control client_;
    backend_leg server_;
    backend_selection selection_;
    std::optional<proto::relay_act::find_backend> requested_backend_;
    std::optional<frontend::user_limit::user_slot> user_slot_;
    std::unique_ptr<proto::relay_machine> machine_;
    reach::curl_epsv_delay curl_epsv_delay_;
    data_connections data_;
    transfer_report report_;
    std::unique_ptr<passthrough_session> passthrough_;
    leg_state to_client_;
    leg_state to_backend_;
    session_step step_;
    bool backend_tls_pending_ = false;
    ending ending_;
    // When the machine is to be called again, if nothing happens before.
    net::deadline deadline_ = net::deadline::max();
};

/// Called in the handler of the exception: usually there was no memory.
void end_without_memory(session& ended) noexcept;
net::task<> run_session(std::shared_ptr<session> self);
net::task<> run_backend_leg(std::shared_ptr<session> self);
net::task<> advertise(std::shared_ptr<session> self);
net::task<> open_backend_port(std::shared_ptr<session> self);
net::task<> renew_opening(std::shared_ptr<session> self);
net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<data_relay> relay);
net::task<> on_data_connected(std::shared_ptr<session> self, endpoint client);

}  // namespace sallyport::gate
