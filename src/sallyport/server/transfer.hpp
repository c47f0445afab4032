#pragma once
// One transfer with its data connection.
//
// Owned by its session and by the coroutine that runs it, so that a session can cancel it immediately (ABOR, lost client)
// although it still waits for a disk. Used on the session's loop unless a function says otherwise.
//
// download.cpp implements RETR, upload.cpp STOR APPE STOU, listing.cpp LIST NLST MLSD; this class has what they share.

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/frontend/failed_data.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/block_mode.hpp>
#include <sallyport/proto/server_actions.hpp>
#include <sallyport/reach/connection_choice.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/disk_access.hpp>
#include <sallyport/server/rate_limit.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

/// When the reply 150 is sent.
enum class reply_timing : bool {
    immediate,
    // All bytes fit into the socket's buffer: 150 and 226 are sent together, which saves a system call.
    with_final_reply,
};

/// The session as its transfers use it.
class transfer_owner {
public:
    virtual ~transfer_owner() = default;
    /// The wait for the data connection starts now; returns the time until which it lasts.
    [[nodiscard]] virtual net::deadline data_connection_deadline() = 0;
    /// The data connection is established. Returns when the 150 with `text` has been sent or queued, depending on `timing`.
    virtual net::task<> on_data_connected(std::string text, reply_timing timing) = 0;
    /// Whether the control connection has ended, even if input is still unread.
    [[nodiscard]] virtual bool client_disconnected() const = 0;
};

struct transfer_setup {
    std::shared_ptr<session_context> shared;
    net::loop& loop;
    // Outlives the transfer.
    transfer_owner& owner;
    // For the order of work on the disk.
    work_owner client;
    // The session ID, for the log.
    std::string session;
    account_ptr user_account;
    // The control connection; open while the session runs.
    int control_socket = -1;
    endpoint control_local;
    endpoint control_peer;
    // That of the control connection, so that only its client can resume the TLS session (TLS-04).
    std::string tls_session_context;
    // Outlives the transfer.
    reach::resumption_history& tls_history;
    // Measured on the control connection.
    std::chrono::microseconds round_trip;
    // Of this direction; outlives the transfer.
    rate_limit& rate;
    // An upload may end without close_notify.
    bool allow_missing_close_notify = false;
    // The current directory, for the transfer record.
    std::string cwd;
    // In passive mode, the address and port in the reply to PASV or EPSV.
    std::optional<endpoint> advertised{};

    /// Refers to this object.
    [[nodiscard]] log::subject log_subject() const noexcept { return {session, user_account->name, control_peer.address}; }
};

class transfer {
public:
    /// `persistent_data`: the data connection of the previous transfer, if the request reuses it.
    transfer(transfer_setup setup, proto::transfer_request request, reach::port_reservation passive,
             net::stream persistent_data);
    ~transfer();

    /// Runs the transfer. Called once. The caller keeps this object alive until it returns, and then calls end().
    net::task<result<proto::transfer_outcome>> run();
    /// Closes what the transfer used. `outcome`: that of run(), also if it ended by an exception; completed by this.
    void end(result<proto::transfer_outcome>& outcome);

    /// Cancels the transfer: run() returns as soon as possible, and nothing is published. False if an upload is already
    /// being published and cannot be cancelled: then wait for run(). `by_client`: the client has gone on, so that a data
    /// connection which the transfer waits for has failed.
    [[nodiscard]] bool cancel(bool by_client);

    [[nodiscard]] const proto::transfer_request& request() const noexcept { return request_; }
    [[nodiscard]] const std::string& cwd() const noexcept { return setup_.cwd; }
    [[nodiscard]] bool connected() const noexcept { return connected_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// The persistent data connection for the next transfer (MODE B), after end(). Not open if there is none.
    [[nodiscard]] net::stream release_persistent_data() noexcept { return std::move(persistent_data_); }
    [[nodiscard]] net::clock::duration age() const { return net::clock::now() - started_at_; }

    // For downloads, uploads and listings:
    [[nodiscard]] session_context& shared() noexcept { return *setup_.shared; }
    [[nodiscard]] vfs::filesystem& files() noexcept { return setup_.shared->files_of(*setup_.user_account); }
    [[nodiscard]] rate_limit& rate() noexcept { return setup_.rate; }
    [[nodiscard]] const account_ptr& user_account() const noexcept { return setup_.user_account; }
    [[nodiscard]] net::stream& data() noexcept { return data_; }
    [[nodiscard]] bool is_ascii() const noexcept { return request_.type == proto::data_type::ascii; }
    [[nodiscard]] bool is_upload() const noexcept { return proto::data_use_of(request_.command) == proto::data_use::upload; }
    [[nodiscard]] bool is_block_mode() const noexcept { return request_.mode == proto::transfer_mode::block; }
    /// The data connection is open already, so there is no connection to wait for and no handshake.
    [[nodiscard]] bool reuses_data_connection() const noexcept {
        return std::holds_alternative<proto::persistent_data>(request_.data);
    }
    [[nodiscard]] bool is_protected() const noexcept { return request_.protect == proto::protection::private_; }
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
    /// For work that ends before run() returns.
    [[nodiscard]] const disk_access& disk() const noexcept { return disk_; }
    [[nodiscard]] bool client_disconnected() const { return setup_.owner.client_disconnected(); }
    [[nodiscard]] net::time_limit progress_limit() noexcept { return stall_.limit(); }

    /// Establishes the data connection, sends the 150, and starts TLS. `name` and `detail` are parts of the 150.
    net::task<result<void>> open_data(std::string name, std::string detail, reply_timing timing);
    // Sends bytes of the file, in the transfer's mode.
    net::task<result<void>> send(std::string_view bytes);
    /// Sends the last bytes; finish_data() follows immediately.
    net::task<result<void>> send_final(std::string_view bytes);
    /// Receives bytes of the file. 0: the file is complete. After errc::timeout it may be called again.
    net::task<result<std::size_t>> receive(std::span<char> into, net::time_limit limit);
    /// Marks the end of the file, by closing the data connection in stream mode.
    net::task<result<void>> finish_data();
    void count(std::uint64_t bytes) noexcept { bytes_ += bytes; }
    /// After this, cancel() has no effect. False if the transfer has been cancelled.
    [[nodiscard]] bool start_commit() noexcept;

private:
    net::task<result<void>> send_blocks(std::string_view bytes, bool last);
    [[nodiscard]] std::string opening_text(const std::string& name, std::string text) const;
    net::task<result<void>> establish_data(std::string name, std::string detail, reply_timing timing);
    net::task<result<net::stream>> accept_passive(net::deadline until);
    net::task<result<net::stream>> connect_active(endpoint target, net::deadline until);
    net::task<result<void>> start_data_tls();
    void report_failed_data(diagnosis::data_failure how, std::string detail = {}) const;
    void log(std::string_view text) const;

    transfer_setup setup_;
    proto::transfer_request request_;
    reach::port_reservation passive_;
    // The connection before it becomes data_, and after data_ is no longer used.
    net::stream persistent_data_;
    net::stream data_;
    proto::block_reader blocks_;
    // MODE B: the end-of-file marker has been sent.
    bool end_sent_ = false;
    net::stall_watch stall_;
    net::clock::time_point started_at_ = net::clock::now();
    // When the wait for the data connection began; nothing before that.
    std::optional<net::clock::time_point> waiting_since_;
    std::uint64_t bytes_ = 0;
    bool requires_tls_session_reuse_ = false;
    bool connected_ = false;
    std::atomic<bool> cancelled_ = false;
    const disk_access disk_;
    bool committing_ = false;
};

// The kinds of transfer. `t` outlives them.
net::task<result<proto::transfer_outcome>> download(transfer& t);
net::task<result<proto::transfer_outcome>> upload(transfer& t);
net::task<result<proto::transfer_outcome>> send_listing(transfer& t);

}  // namespace sallyport::server
