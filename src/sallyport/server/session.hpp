#pragma once
// One control connection from accept to close: asks its machine what to do, does it, and reports the outcome. The waits have
// their times from the machine. Lives on one loop; kept alive by its coroutines.

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/frontend/failed_data.hpp>
#include <sallyport/frontend/session.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/reach/curl_epsv_delay.hpp>
#include <sallyport/server/active_account.hpp>
#include <sallyport/server/control_connection.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/server/session_context.hpp>
#include <sallyport/server/session_records.hpp>
#include <sallyport/server/transfer.hpp>
#include <sallyport/status/session_summary.hpp>

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
    void end_without_memory(const std::exception_ptr& failure) noexcept;
    net::task<bool> perform(proto::server_action action);
    net::task<bool> read_input(net::deadline until);
    net::task<> send_status(proto::transfer_request listing);
    net::task<> start_tls(net::deadline until);
    net::task<> check_login(proto::login_request request);
    net::task<> delay_refusal(net::deadline until);
    net::task<result<account_ptr>> admit(account_ptr user);
    net::task<> run_file(proto::file_request request);
    void check_client();
    void open_passive(const proto::act::open_passive& how);
    void release_passive();
    [[nodiscard]] proto::site_doctor_session seen_by_doctor() const;
    void show_to_doctor();
    void report_failed_data(const std::optional<diagnosis::failed_data>& seen) const;
    void start_transfer(proto::transfer_request request);
    static net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<transfer> t);
    net::task<> wait_for_transfer();
    void finish_transfer(const result<proto::transfer_outcome>& outcome);
    void cancel_transfer();
    void wake();

    // For the transfer that runs.
    [[nodiscard]] net::deadline data_connection_deadline() override;
    net::task<> on_data_connected(std::string text, reply_timing timing) override;
    [[nodiscard]] bool client_disconnected() const override { return control_.client_disconnected(); }

    [[nodiscard]] record_owner owner() const;
    void log_login(std::string_view user, std::string_view outcome) const;
    void log_end() const;

    std::shared_ptr<session_context> shared_;
    net::loop& loop_;
    control_connection control_;
    // The client of a command that works on the disk has disconnected.
    std::atomic<bool> client_left_ = false;
    const disk_access disk_;
    net::deadline_node client_check_{loop_.deadlines(), [this] { check_client(); }};
    proto::server_machine machine_;
    active_account user_;
    reach::curl_epsv_delay curl_epsv_delay_;
    reach::port_reservation passive_;
    frontend::data_history history_{shared_->base->doctor};
    reach::resumption_history tls_history_;
    // The data connection of the transfer before (MODE B).
    net::stream persistent_data_;
    // The running one.
    std::shared_ptr<transfer> transfer_;
    // Of transfer_, not yet reported to the machine.
    std::optional<result<proto::transfer_outcome>> outcome_;
    // Set while the main coroutine waits for the end of transfer_.
    std::optional<net::event> transfer_finished_;
    net::deadline started_at_ = net::clock::now();
    std::uint64_t bounce_attempts_counted_ = 0;
    // The administrator, or a shutdown.
    std::optional<status::session_end> stopped_by_;
    status::session_summary summary_;
};

}  // namespace sallyport::server
