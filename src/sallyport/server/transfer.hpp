#pragma once
// One transfer: its data connection and what runs over it. Owned by its session and by the coroutine that runs it, so that
// a session can give it up at once (ABOR, a vanished client) although a disk still holds it.
//
// download.cpp has RETR, upload.cpp STOR APPE STOU, listing.cpp LIST NLST MLSD; here is what they have in common.

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/net/stall_watch.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/block_mode.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/server/accounts.hpp>
#include <sallyport/server/session_context.hpp>

namespace sallyport::server {

/// When the reply 150 has to leave.
enum class reply_timing : bool {
    immediate,
    with_final_reply,  // all bytes fit into the socket's buffer: 150 and 226 leave together, one system call less
};

/// The session, as its transfers see it.
class transfer_owner {
public:
    virtual ~transfer_owner() = default;
    /// The data connection stands. Returns when the 150 with `text` is on its way.
    virtual net::task<> on_data_connected(std::string text, reply_timing timing) = 0;
    /// Whether the control connection has ended, read so far or not.
    [[nodiscard]] virtual bool client_disconnected() const = 0;
};

struct transfer_setup {
    std::shared_ptr<session_context> shared;
    net::loop& loop;
    transfer_owner& owner;  // outlives the transfer
    std::string session;    // for the log
    account user_account;
    endpoint control_local;
    endpoint control_peer;
    std::string tls_session_context;          // the control connection's, so that only its client can resume (TLS-04)
    bool allow_missing_close_notify = false;  // an upload may end without it
    std::string cwd;                          // for the record
};

class transfer {
public:
    /// `standing`: the data connection of the transfer before, where the request is for that.
    transfer(transfer_setup setup, proto::transfer_request request, reach::port_reservation passive,
             net::stream persistent_data);
    ~transfer();

    /// Once. The caller keeps this object alive until it returns.
    net::task<result<proto::transfer_outcome>> run();

    /// Gives the transfer up: run() will end as soon as it can, and nothing will be published. False where the end has
    /// begun already and can't be taken back: then wait for run().
    [[nodiscard]] bool cancel();

    [[nodiscard]] const proto::transfer_request& request() const noexcept { return request_; }
    [[nodiscard]] const std::string& cwd() const noexcept { return setup_.cwd; }
    [[nodiscard]] bool connected() const noexcept { return connected_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// The data connection for the next transfer, once run() has returned: MODE B. Not open where there is none.
    [[nodiscard]] net::stream release_persistent_data() noexcept { return std::move(persistent_data_); }
    [[nodiscard]] net::clock::duration age() const { return net::clock::now() - started_at_; }

    // For the three directions
    [[nodiscard]] session_context& shared() noexcept { return *setup_.shared; }
    [[nodiscard]] vfs::filesystem& files() noexcept { return setup_.shared->files_of(setup_.user_account); }
    [[nodiscard]] net::loop& loop() noexcept { return setup_.loop; }
    [[nodiscard]] const account& user_account() const noexcept { return setup_.user_account; }
    [[nodiscard]] net::stream& data() noexcept { return data_; }
    [[nodiscard]] bool is_ascii() const noexcept { return request_.type == proto::data_type::ascii; }
    [[nodiscard]] bool is_upload() const noexcept { return proto::data_use_of(request_.command) == proto::data_use::upload; }
    [[nodiscard]] bool is_block_mode() const noexcept { return request_.mode == proto::transfer_mode::block; }
    /// There is nobody to wait for, and no handshake.
    [[nodiscard]] bool reuses_data_connection() const noexcept {
        return std::holds_alternative<proto::persistent_data>(request_.data);
    }
    [[nodiscard]] bool is_protected() const noexcept { return request_.protect == proto::protection::private_; }
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
    /// For work on other threads, which must end before run() does.
    [[nodiscard]] const std::atomic<bool>& cancel_flag() const noexcept { return cancelled_; }
    [[nodiscard]] bool client_disconnected() const { return setup_.owner.client_disconnected(); }
    [[nodiscard]] net::time_limit progress_limit() noexcept { return stall_.limit(); }

    /// Makes the data connection, announces it, and protects it. `name` and `detail` are for the 150.
    net::task<result<void>> open_data(std::string name, std::string detail, reply_timing timing);
    // The file's bytes, in the transfer's mode.
    net::task<result<void>> send(std::string_view bytes);
    /// For a brief end: finish_data() follows at once.
    net::task<result<void>> send_final(std::string_view bytes);
    /// 0: the file has ended in good order.
    net::task<result<std::size_t>> receive(std::span<char> into);
    /// Ends the file, and the data connection with it where that is the end's only mark.
    net::task<result<void>> finish_data();
    void count(std::uint64_t bytes) noexcept { bytes_ += bytes; }
    /// From here on cancel() comes too late. False where it came before.
    [[nodiscard]] bool start_commit() noexcept;

private:
    net::task<result<void>> send_blocks(std::string_view bytes, bool last);
    [[nodiscard]] std::string opening_text(const std::string& name, std::string text) const;
    net::task<result<void>> establish_data(std::string name, std::string detail, reply_timing timing);
    net::task<result<net::stream>> accept_passive();
    net::task<result<net::stream>> connect_active(endpoint target);
    net::task<result<void>> start_data_tls();
    void log(std::string_view text) const;

    transfer_setup setup_;
    proto::transfer_request request_;
    reach::port_reservation passive_;
    net::stream persistent_data_;  // until it becomes data_, and from when data_ is done with
    net::stream data_;
    proto::block_reader blocks_;
    bool end_sent_ = false;  // MODE B: no more is to be sent
    net::stall_watch stall_;
    net::clock::time_point started_at_ = net::clock::now();
    std::uint64_t bytes_ = 0;
    bool requires_tls_session_reuse_ = false;  // the TLS session of the control connection
    bool connected_ = false;
    std::atomic<bool> cancelled_ = false;
    bool committing_ = false;
};

// The directions. `t` outlives them.
net::task<result<proto::transfer_outcome>> download(transfer& t);
net::task<result<proto::transfer_outcome>> upload(transfer& t);
net::task<result<proto::transfer_outcome>> send_listing(transfer& t);

}  // namespace sallyport::server
