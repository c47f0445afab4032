#pragma once
// Performs what the client machine asks for: the control connection of one session, and the data connection it leads to.
//
// While data move, the control connection is read beside it, so that a server's refusal ends a transfer at once and a
// control connection that dies doesn't take good data with it. Used on its loop; the loop must outlive it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/client/client.hpp>
#include <sallyport/client/data_connection.hpp>
#include <sallyport/client/data_job.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/proto/client_machine.hpp>

namespace sallyport::client {

class conversation {
public:
    conversation(net::loop& l, const options& o) : loop_(l), options_(o), data_(l) {}

    /// From nothing to logged in.
    net::task<std::optional<proto::client_failure>> open(url where);

    [[nodiscard]] bool is_open() const noexcept { return machine_.has_value(); }
    [[nodiscard]] proto::client_machine& machine() noexcept { return *machine_; }  // REQUIRES: is_open()
    [[nodiscard]] const proto::client_machine& machine() const noexcept { return *machine_; }
    [[nodiscard]] const net::stream& control() const noexcept { return control_; }

    /// Carries out the order that was given to the machine; a transfer moves its data by `job`.
    net::task<> carry_out(data_job* job);
    /// How the data side of the last transfer went; nothing where it never began.
    [[nodiscard]] const std::optional<moved>& data() const noexcept { return moved_; }
    [[nodiscard]] bool data_was_protected() const noexcept { return protected_; }
    [[nodiscard]] bool data_was_resumed() const noexcept { return resumed_; }

    void close() noexcept;

private:
    struct watch;

    net::task<result<void>> connect(const url& where);
    net::task<> perform_read(proto::client_act::read how);
    net::task<> read_once(net::time_limit limit);
    net::task<> start_tls();
    net::task<result<void>> secure_control();
    net::task<> move_data(bool protect, data_job& job);
    net::task<moved> run_job(bool protect, data_job& job);
    net::task<> watch_control(std::shared_ptr<watch> w);
    void note(const std::string& text) const;
    void note_attempts();

    net::loop& loop_;
    const options& options_;
    std::string host_;
    net::stream control_;
    std::string fingerprint_;
    net::tls_session newest_session_;
    std::optional<proto::client_machine> machine_;
    unsigned turn_ = static_cast<unsigned>(-1);  // of the wait that due_ belongs to
    net::deadline due_{};
    data_connection data_;
    std::optional<moved> moved_;
    bool protected_ = false;
    bool resumed_ = false;
    std::size_t attempts_noted_ = 0;
};

}  // namespace sallyport::client
