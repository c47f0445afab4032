#pragma once
// One transfer through a gateway, as its control connections see it: the data path ends, the backend sends its final reply,
// and both together decide what the client's final reply is, and when. A value of one machine; one thread.
//
// Only both together make a success. A failure on the client leg is reported at once, and the backend's reply is then
// awaited in silence. If the backend leg failed, the backend's own reply gives the reason: it is awaited, but not for long.
// Where the bytes do not pass through the gateway, the data path counts as ended from the start: the backend's reply
// decides.

#include <optional>
#include <string>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/relay_actions.hpp>
#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/relay_transitions.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

/// What the client is sent at the end of a transfer.
struct transfer_reply {
    // The backend's reply, which is forwarded as it is; otherwise the local one.
    std::optional<reply> of_backend{};
    local_reply local{};
    // The backend is sent ABOR, since it may wait for its data connection much longer than the gateway.
    bool send_abort = false;

    [[nodiscard]] int code() const noexcept { return of_backend ? of_backend->code : local.code; }
};

class relay_transfer {
public:
    /// None.
    relay_transfer() = default;
    relay_transfer(data_path path, session_time now) noexcept;

    /// The data path has ended, as far as the gateway knows it.
    [[nodiscard]] const std::optional<data_outcome>& data() const noexcept { return data_; }
    /// The client has its final reply.
    [[nodiscard]] bool answered() const noexcept { return answered_; }
    /// The backend has sent its final reply.
    [[nodiscard]] bool has_backend_reply() const noexcept { return backend_reply_.has_value(); }
    /// Its bytes move, or may move.
    [[nodiscard]] bool data_running() const noexcept { return path_ == data_path::relay ? !data_ : !answered_; }
    /// The backend had no data connection of a kind that this gateway relays or forwards.
    [[nodiscard]] bool no_backend_data() const noexcept;
    /// The kernel no longer forwards the packets of the data connection. A server may wait in a write to it, and then reads
    /// no command.
    [[nodiscard]] bool path_lost() const noexcept { return data_ && data_->result == data_result::path_lost; }
    /// It has failed here, and the backend's final reply may never arrive.
    [[nodiscard]] bool in_doubt() const noexcept;

    /// The backend's preliminary reply. It is held until the data connections are established.
    void on_opening(reply r, relay_output& out);
    /// Both data connections are established; `client` is the client's end of its own.
    void on_connected(const endpoint& client, relay_output& out);

    // Each of these sends the client its final reply when that is decided. They return transfer_finished when no reply of
    // the backend is awaited any more; its pending entry is then removed.
    [[nodiscard]] std::optional<relay_event> on_final_reply(reply r, relay_output& out);
    [[nodiscard]] std::optional<relay_event> on_data_ended(const data_outcome& outcome, relay_output& out);
    /// ABOR of the client, which is also sent to the backend.
    [[nodiscard]] std::optional<relay_event> on_abort(relay_output& out);
    /// The backend's reason for its failure was awaited for long enough.
    [[nodiscard]] std::optional<relay_event> stop_waiting(relay_output& out);

    /// The time at which the driver checks the kernel's connection: that it was established, `limit` after the beginning,
    /// and then at intervals that it is still there. Nothing: there is none.
    [[nodiscard]] std::optional<session_time> check_at(session_time::duration limit) const noexcept;
    void check(session_time now, relay_output& out);

private:
    [[nodiscard]] std::optional<relay_event> join(relay_output& out);
    [[nodiscard]] std::optional<transfer_reply> decide() const;
    [[nodiscard]] std::optional<transfer_reply> decide_by_backend() const;

    data_path path_ = data_path::relay;
    session_time started_{};
    // The preliminary reply, held until the data connections are established.
    std::optional<reply> opening_;
    // The data connections are established.
    bool connected_ = false;
    // The client's end of its data connection.
    std::string data_peer_;
    // The final reply, held until the data path has ended.
    std::optional<reply> backend_reply_;
    std::optional<data_outcome> data_;
    bool waited_ = false;
    bool answered_ = false;
    std::optional<session_time> last_check_;
};

}  // namespace sallyport::proto
