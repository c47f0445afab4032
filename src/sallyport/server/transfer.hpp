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
enum class announce : bool {
    now,
    with_the_end,  // all bytes fit into the socket's buffer: 150 and 226 leave together, one system call less
};

/// The session, as its transfers see it.
class transfer_owner {
public:
    virtual ~transfer_owner() = default;
    /// The data connection stands. Returns when the 150 with `text` is on its way.
    virtual net::task<> data_opened(std::string text, announce when) = 0;
    /// Whether the control connection has ended, read so far or not.
    [[nodiscard]] virtual bool client_has_left() const = 0;
};

struct transfer_setup {
    std::shared_ptr<session_context> shared;
    net::loop& home;
    transfer_owner& owner;  // outlives the transfer
    std::string session;    // for the log
    account who;
    endpoint control_local;
    endpoint control_peer;
    std::string tls_session_context;          // the control connection's, so that only its client can resume (TLS-04)
    bool allow_missing_close_notify = false;  // an upload may end without it
    std::string cwd;                          // for the record
};

class transfer {
public:
    /// `standing`: the data connection of the transfer before, where the request is for that.
    transfer(transfer_setup setup, proto::transfer_request request, reach::reservation passive, net::stream standing);
    ~transfer();

    /// Once. The caller keeps this object alive until it returns.
    net::task<result<proto::transfer_result>> run();

    /// Gives the transfer up: run() will end as soon as it can, and nothing will be published. False where the end has
    /// begun already and can't be taken back: then wait for run().
    [[nodiscard]] bool cancel();

    [[nodiscard]] const proto::transfer_request& request() const noexcept { return request_; }
    [[nodiscard]] const std::string& cwd() const noexcept { return setup_.cwd; }
    [[nodiscard]] bool connected() const noexcept { return connected_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    /// The data connection for the next transfer, once run() has returned: MODE B. Not open where there is none.
    [[nodiscard]] net::stream take_standing() noexcept { return std::move(standing_); }
    [[nodiscard]] net::clock::duration age() const { return net::clock::now() - began_; }

    // For the three directions
    [[nodiscard]] session_context& shared() noexcept { return *setup_.shared; }
    [[nodiscard]] vfs::filesystem& files() noexcept { return setup_.shared->files_of(setup_.who); }
    [[nodiscard]] net::loop& home() noexcept { return setup_.home; }
    [[nodiscard]] const account& who() const noexcept { return setup_.who; }
    [[nodiscard]] net::stream& data() noexcept { return data_; }
    [[nodiscard]] bool is_ascii() const noexcept { return request_.type == proto::data_type::ascii; }
    [[nodiscard]] bool receives() const noexcept { return proto::data_use_of(request_.what) == proto::data_use::upload; }
    [[nodiscard]] bool in_blocks() const noexcept { return request_.mode == proto::transfer_mode::block; }
    /// There is nobody to wait for, and no handshake.
    [[nodiscard]] bool data_stood() const noexcept {
        return std::holds_alternative<proto::standing_connection>(request_.data);
    }
    [[nodiscard]] bool is_protected() const noexcept { return request_.protect == proto::protection::private_; }
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
    /// For work on other threads, which must end before run() does.
    [[nodiscard]] const std::atomic<bool>& given_up() const noexcept { return cancelled_; }
    [[nodiscard]] bool client_has_left() const { return setup_.owner.client_has_left(); }
    [[nodiscard]] net::time_limit patience() noexcept { return stall_.limit(); }

    /// Makes the data connection, announces it, and protects it. `name` and `detail` are for the 150.
    net::task<result<void>> open_data(std::string name, std::string detail, announce when);
    // The file's bytes, in the transfer's mode.
    net::task<result<void>> send(std::string_view bytes);
    /// For a brief end: finish_data() follows at once.
    net::task<result<void>> send_last(std::string_view bytes);
    /// 0: the file has ended in good order.
    net::task<result<std::size_t>> receive(std::span<char> into);
    /// Ends the file, and the data connection with it where that is the end's only mark.
    net::task<result<void>> finish_data();
    void count(std::uint64_t bytes) noexcept { bytes_ += bytes; }
    /// From here on cancel() comes too late. False where it came before.
    [[nodiscard]] bool begin_commit() noexcept;

private:
    net::task<result<void>> send_blocks(std::string_view bytes, bool last);
    [[nodiscard]] std::string opening(const std::string& name, std::string text) const;
    net::task<result<void>> make_data(std::string name, std::string detail, announce when);
    net::task<result<net::stream>> accept_passive();
    net::task<result<net::stream>> connect_active(endpoint target);
    net::task<result<void>> protect_data();
    void log(std::string_view text) const;

    transfer_setup setup_;
    proto::transfer_request request_;
    reach::reservation passive_;
    net::stream standing_;  // until it becomes data_, and from when data_ is done with
    net::stream data_;
    proto::block_reader blocks_;
    bool end_marked_ = false;  // MODE B: no more is to be sent
    net::stall_watch stall_;
    net::clock::time_point began_ = net::clock::now();
    std::uint64_t bytes_ = 0;
    bool must_resume_ = false;  // the TLS session of the control connection
    bool connected_ = false;
    std::atomic<bool> cancelled_ = false;
    bool committing_ = false;
};

// The directions. `t` outlives them.
net::task<result<proto::transfer_result>> download(transfer& t);
net::task<result<proto::transfer_result>> upload(transfer& t);
net::task<result<proto::transfer_result>> send_listing(transfer& t);

}  // namespace sallyport::server
