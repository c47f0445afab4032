#pragma once
// One control connection from accept to close: asks its machine what to do, does it, tells the outcome (style rule "one
// driver per side"). Lives on one loop; kept alive by its coroutines.

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/frontend/session.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/reach/curl_epsv_delay.hpp>
#include <sallyport/server/session_context.hpp>
#include <sallyport/server/transfer.hpp>

namespace sallyport::server {

class session final : public transfer_owner, public frontend::session {
public:
    session(std::shared_ptr<session_context> shared, frontend::admitted_connection from);

    /// The whole life of a session; spawned on its loop.
    static net::task<> serve(std::shared_ptr<session> self);

    void stop() override;
    void disconnect() override;
    void kill() override;
    [[nodiscard]] status::session_report describe() const override;

private:
    [[nodiscard]] std::shared_ptr<session> self() { return std::static_pointer_cast<session>(shared_from_this()); }

    net::task<> run();
    net::task<bool> perform(proto::server_action action);
    net::task<bool> read_input(net::deadline until);
    net::task<> on_data_connected(std::string text, reply_timing timing) override;
    [[nodiscard]] bool client_disconnected() const override {
        return input_ended_ || broken_ || control_.peer_has_finished();
    }
    net::task<> flush();
    net::task<> shut_down();
    net::task<result<void>> start_tls();
    net::task<> check_login(proto::login_request request);
    void open_passive(const proto::act::open_passive& how);
    void start_transfer(proto::transfer_request request);
    static net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<transfer> t);
    net::task<> wait_for_transfer();
    void finish_transfer(const result<proto::transfer_outcome>& outcome);
    void cancel_transfer();
    void wake();

    void log_login(std::string_view user, std::string_view outcome) const;
    void record_change(const proto::file_request& request, const result<proto::file_result>& answer) const;
    void write_record(const result<proto::transfer_outcome>& outcome, int reply) const;
    void log_transfer(const result<proto::transfer_outcome>& outcome) const;

    std::shared_ptr<session_context> shared_;
    net::loop& loop_;
    net::stream control_;
    const endpoint client_destination_;  // by the client: what it takes for our address
    std::string tls_session_context_;    // random where TLS is used
    proto::server_machine machine_;
    account account_;
    reach::curl_epsv_delay curl_epsv_delay_;
    reach::port_reservation passive_;
    net::stream persistent_data_;                             // the data connection of the transfer before (MODE B)
    std::shared_ptr<transfer> transfer_;                      // running
    std::optional<result<proto::transfer_outcome>> outcome_;  // of transfer_, not yet told to the machine
    std::optional<net::event> transfer_finished_;             // set where the main coroutine waits for transfer_'s end
    net::deadline started_at_ = net::clock::now();
    std::uint64_t bounce_attempts_counted_ = 0;
    std::string write_buffer_;  // what flush() sends
    bool flushing_ = false;
    bool implicit_tls_;
    bool input_ended_ = false;
    bool broken_ = false;
    bool stopping_ = false;
    std::string_view stop_text_;     // why, for the 421
    std::array<char, 2048> buffer_;  // small, as ten thousand idle sessions have one each
};

}  // namespace sallyport::server
