#pragma once
// The driver of one relayed session: two control connections, one machine, at most one data path.
//
// Lives on its loop, kept alive by its coroutines. Each leg has a reader that feeds the machine and then does what it
// asks for; there is no coroutine in between, so a command or a reply passes in one turn of the loop. `client_` is the leg
// in front, `backend_` the one behind.

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/firewall/openings.hpp>
#include <sallyport/front/session.hpp>
#include <sallyport/gate/backend.hpp>
#include <sallyport/gate/data_path.hpp>
#include <sallyport/gate/service.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/reach/hasty_client.hpp>

namespace sallyport::gate {

struct passage;

class session final : public front::session {
public:
    session(std::shared_ptr<service> gate, front::arrival from);

    void stop() override;
    void dismiss() override;
    void kill() override;
    [[nodiscard]] status::session_report describe() const override;

    /// A session from its connection to its end.
    friend net::task<> run_session(std::shared_ptr<session> self);
    /// Says 421 `why` to a client that gets no session, and closes.
    friend net::task<> turn_away(std::shared_ptr<session> self, std::string why);

private:
    friend net::task<> run_backend_leg(std::shared_ptr<session> self);
    friend net::task<> watch_passage(std::shared_ptr<session> self, std::shared_ptr<passage> way);
    friend net::task<> tell_port_later(std::shared_ptr<session> self, endpoint told);
    friend net::task<> run_transfer(std::shared_ptr<session> self, std::shared_ptr<data_path> path);
    friend net::task<> tell_data_connected(std::shared_ptr<session> self, endpoint client);
    friend net::task<> run_opening(std::shared_ptr<session> self, proto::relay_leg from, firewall::opening wanted,
                                   endpoint told);

    [[nodiscard]] std::shared_ptr<session> self() { return std::static_pointer_cast<session>(shared_from_this()); }

    // The way to a running machine
    net::task<bool> start_tls();
    static constexpr auto stopping_text = "The gateway is stopping; connect again later.";
    struct found_backend {
        slot at;
        backend_link link;
    };
    net::task<bool> meet_backend();
    net::task<std::expected<found_backend, shortage>> find_backend(caller who);
    net::task<choice> wait_for_room(caller who, net::deadline until);
    net::task<bool> ask_for_room(std::vector<backend_id> full, net::deadline until);
    void join_silent();
    void yield_place();
    void begin(std::optional<found_backend> with);
    net::task<> change_backend(proto::relay_act::find_backend what);
    void leave_backend();

    // The legs
    net::task<> client_leg();
    net::task<> backend_leg();
    net::task<> start_tls_behind();
    net::task<> pass_unread();  // session_tls.cpp
    net::task<> pass_through();
    net::task<> transfer(std::shared_ptr<data_path> path);
    net::task<> advance();
    net::task<> all_said();
    net::task<> finish();
    net::task<> say_farewell();

    // What the machine asks for
    void perform();
    void reserve_port(proto::relay_act::reserve_port what);
    // session_kernel.cpp, this and the next two
    void lead(proto::relay_leg from, firewall::opening wanted, const endpoint& told);
    net::task<> open_in_kernel(proto::relay_leg from, firewall::opening wanted, endpoint told);
    [[nodiscard]] net::deadline led_due() const;
    void look_at_led();
    void open_data(proto::relay_plan plan);
    void drop_data(status::transfer_end why = status::transfer_end::aborted);
    [[nodiscard]] bool may_miss_close_notify() const;
    [[nodiscard]] result<void> upload_may_end() const;
    /// Its end can't be looked at here: only the end of the control connection keeps the backend from taking it for whole.
    [[nodiscard]] bool is_past_upload() const noexcept { return direct_ && direct_->plan.upload; }
    [[nodiscard]] proto::relay_backend backend_now() const;
    void admit_user(const std::string& name);
    [[nodiscard]] std::optional<std::string> certified_user() const;
    void wake();
    void begin_direct(proto::relay_plan plan);
    void end_direct(int reply);
    void keep_record(status::transfer_record of, status::transfer_end end, std::string why);
    void add_to_summary(const status::transfer_record& of, bool complete);
    void tell_summary();
    void write_record(int reply);
    void record_change(const proto::path_change& what);
    void sign_record(status::transfer_record& r, int reply) const;
    void note(proto::relay_note kind, std::string_view text);
    void expire_if_due();
    void give_up_silent_backend();
    [[nodiscard]] net::deadline answer_due() const;
    void keep_time_of_backend();  // session_backend.cpp
    void give_up_waiting();

    /// Implicit TLS between client and backend: the greeting is under it too.
    [[nodiscard]] bool passes_unread() const noexcept { return implicit_tls_ && gate_->config.passes_tls(); }
    [[nodiscard]] bool over() const noexcept { return lost_ || machine_->closing(); }
    [[nodiscard]] bool gives_up() const noexcept { return lost_ || (machine_ ? machine_->closing() : stopping_); }
    [[nodiscard]] bool stop_due() const noexcept { return stopping_ && (dismissed_ || !machine_->transfer_running()); }
    [[nodiscard]] net::deadline quiet_until() const;

    std::shared_ptr<service> gate_;
    net::loop& home_;
    net::stream client_;
    const endpoint reached_;  // by the client: what it takes for our address
    net::stream backend_;
    bool implicit_tls_;

    slot slot_;
    own_ends::leg leg_;                                     // of backend_
    silent_sessions::member silent_;                        // until USER
    std::vector<backend_id> tried_;                         // for this login, in vain
    std::optional<proto::relay_act::find_backend> wanted_;  // by the machine
    net::event* room_ = nullptr;                            // while it waits in the pool's queue
    std::optional<user_limit::place> user_place_;
    std::optional<token_bucket> upload_pace_;
    std::optional<token_bucket> download_pace_;
    std::unique_ptr<proto::relay_machine> machine_;
    reach::hasty_client haste_;
    reach::reservation port_;                        // promised to the client, not yet used
    firewall::lease led_;                            // the kernel's opening at one of these ports
    bool led_stands_ = false;                        // its connection is known to be established
    reach::reservation port_behind_;                 // to the backend
    std::shared_ptr<data_path> data_;                // of the running transfer
    std::optional<direct_transfer> direct_;          // that is running instead
    bool record_owed_ = false;                       // a transfer was begun, and its record is not yet written
    std::optional<status::transfer_record> record_;  // as far as it is known

    session_summary summary_;

    std::string to_client_;  // being written
    std::string to_backend_;
    bool client_writing_ = false;
    bool backend_writing_ = false;
    net::event client_wake_;
    net::event backend_wake_;
    bool tls_due_ = false;  // the handshake in front
    bool tls_behind_due_ = false;
    bool clear_due_ = false;  // the end of TLS in front
    bool through_due_ = false;
    bool passing_ = false;  // the legs' bytes are each other's
    bool stopping_ = false;
    bool dismissed_ = false;     // by the administrator
    bool client_ended_ = false;  // it has said all it will
    bool lost_ = false;          // the client's connection is gone
    net::deadline started_ = net::clock::now();
    net::deadline login_since_ = started_;  // a login has its time from here
    net::deadline activity_ = net::clock::now();
    net::deadline word_due_ = net::deadline::max();  // of the wait that the machine has for the backend
    unsigned word_turn_ = 0;
};

net::task<> run_session(std::shared_ptr<session> self);
net::task<> turn_away(std::shared_ptr<session> self, std::string why);
net::task<> watch_passage(std::shared_ptr<session> self, std::shared_ptr<passage> way);
net::task<> tell_data_connected(std::shared_ptr<session> self, endpoint client);
net::task<> run_opening(std::shared_ptr<session> self, proto::relay_leg from, firewall::opening wanted, endpoint told);

}  // namespace sallyport::gate
