#pragma once
// Reports the transfers of one session: to the counters, the log, the transfer log, and the summary at the session's end
// (G12).
//
// Owned by the session. Loop thread only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/gate/data_connections.hpp>
#include <sallyport/gate/data_relay.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/path_records.hpp>
#include <sallyport/proto/relay_machine.hpp>
#include <sallyport/status/session_report.hpp>
#include <sallyport/status/session_summary.hpp>
#include <sallyport/status/transfer_record.hpp>

namespace sallyport::gate {

/// The session of a transfer record. A value.
struct record_owner {
    std::string session;
    std::string user;
    endpoint client;
    // Empty: none.
    std::string backend;
    bool client_tls = false;
    bool backend_tls = false;
};

class transfer_report {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    transfer_report(std::shared_ptr<session_context> gate, log_sink log) : gate_(std::move(gate)), log_(std::move(log)) {}

    /// A transfer starts: one that this process relays, or one whose bytes bypass it (path kernel or direct).
    void started(std::shared_ptr<const data_relay> relay);
    void started(proto::relay_plan bypassing);
    /// The relay has finished; the final reply to the client, which may follow later, tells whether the transfer is
    /// complete. `stopping`: this program ends the session.
    void relay_ended(const data_relay& relay, const proto::data_outcome& outcome, bool stopping);
    /// PORT or EPRT was refused, as it names another host or a port below 1024. True: that is in the log, with its cause.
    bool target_refused(const std::optional<proto::data_request>& request, const ip_address& client);
    /// No data connection was established for a bypassing transfer, or it is lost.
    void path_failed(failed_opening failed);
    /// The final reply was sent to the client.
    void finished(const proto::relay_act::transfer_finished& transfer, const record_owner& owner);
    /// The session ends before the final reply. No effect without a running transfer.
    void cancelled(status::transfer_result end, const record_owner& owner);

    /// A file or directory was changed by DELE, RMD, MKD or RNTO.
    void changed(const proto::path_change& change, const record_owner& owner) const;
    void session_ended(const record_owner& owner, bool logged_in, status::session_end by);

    /// Whether records are wanted.
    [[nodiscard]] bool needs_owner() const noexcept { return gate_->config.transfer_log != nullptr; }
    /// The plan of the running transfer if its bytes bypass this process; otherwise null.
    [[nodiscard]] const proto::relay_plan* bypassing() const noexcept { return bypassing_ ? &bypassing_->plan : nullptr; }
    [[nodiscard]] net::deadline session_started_at() const noexcept { return started_at_; }
    /// Adds the running transfer if its bytes bypass this process.
    void describe(status::session_report& into) const;

private:
    /// What is known of a transfer whose bytes bypass this process.
    struct bypassing_transfer {
        proto::relay_plan plan;
        net::deadline started_at = net::clock::now();
        // Once it has ended.
        net::clock::duration duration{};
        std::string reason{};
        // The log has the cause.
        bool reported = false;
    };

    /// A data connection failed: one line for the log, and a count.
    void data_failed(const diagnosis::failed_data& seen);
    void write(status::transfer_record r, status::transfer_result end, int reply, const record_owner& owner) const;
    bypassing_transfer finish_bypassing(bool complete, std::string_view outcome);
    /// Counts a transfer whose result is known, and adds it to the summary.
    void conclude(const status::transfer_record& of, bool complete);

    std::shared_ptr<session_context> gate_;
    log_sink log_;
    // Both are kept until the record is written.
    std::shared_ptr<const data_relay> relay_;
    std::optional<bypassing_transfer> bypassing_;
    status::session_summary summary_;
    net::deadline started_at_ = net::clock::now();
};

/// The result of a relayed transfer, for its record.
[[nodiscard]] status::transfer_result result_of(const proto::relay_act::transfer_finished& transfer);

/// The transfer command, for the log: "RETR file". Not escaped.
[[nodiscard]] std::string transfer_text(const proto::relay_plan& plan);
[[nodiscard]] status::running_transfer running(const proto::relay_plan& plan, net::deadline started_at);
[[nodiscard]] status::transfer_record record_of(const proto::relay_plan& plan, net::clock::duration duration);

}  // namespace sallyport::gate
