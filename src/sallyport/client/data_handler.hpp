#pragma once
// Handlers of an open data connection: receive a file, send a file, read the lines of a listing. Each is owned by its
// caller, runs once on the thread of the session's loop, and must live until run() has finished.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/client/overlap_check.hpp>
#include <sallyport/client/rate_limiter.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/proto/ascii_filter.hpp>
#include <sallyport/proto/line_buffer.hpp>

namespace sallyport::client {

struct transfer_counts {
    std::uint64_t bytes = 0;
    std::optional<error> failure;
    /// The failure is one of the local file and not of the connection.
    bool is_local = false;
};

class data_handler {
public:
    data_handler() = default;
    data_handler(const data_handler&) = delete;
    data_handler& operator=(const data_handler&) = delete;
    virtual ~data_handler() = default;

    virtual net::task<transfer_counts> run(net::stream& data, net::time_limit limit) = 0;

    /// Before run(). Null: no limit. The loop is that of the session.
    void limit_rate(net::loop& l, std::shared_ptr<rate_limiter> rate) {
        loop_ = &l;
        rate_ = std::move(rate);
    }

protected:
    /// How many bytes to move at a time, at most `usual`.
    [[nodiscard]] std::size_t piece(std::size_t usual) const noexcept { return rate_ ? rate_->piece(usual) : usual; }
    /// After bytes were moved: the time until the next ones may be.
    [[nodiscard]] net::clock::duration pause_after(std::uint64_t bytes) {
        return rate_ ? rate_->spend(bytes) : net::clock::duration::zero();
    }
    [[nodiscard]] net::task<> sleep(net::clock::duration time) const { return loop_->sleep_for(time); }

private:
    net::loop* loop_ = nullptr;
    std::shared_ptr<rate_limiter> rate_;
};

/// Reads to the end of the data, or until a block of it is not accepted.
class receiver : public data_handler {
public:
    net::task<transfer_counts> run(net::stream& data, net::time_limit limit) final;

protected:
    explicit receiver(std::size_t block_bytes) : block_bytes_(block_bytes) {}

private:
    /// Takes and counts the next bytes. `block` may be changed, also the byte before it. False ends the transfer.
    virtual bool take(std::span<char> block, transfer_counts& out) = 0;
    /// No more is received; `complete`: because the data have ended.
    virtual void end(bool complete, transfer_counts& out);

    std::size_t block_bytes_;
};

/// Called with the number of bytes transferred so far.
using byte_count = std::function<void(std::uint64_t)>;

/// Writes the received data to `file` at its current position; with `ascii`, CR LF becomes LF. With `tail`, the file is
/// continued: the first data must match the end of the partial file; otherwise nothing is written and the handler fails with
/// tail_differs().
class file_receiver final : public receiver {
public:
    file_receiver(int file, bool ascii, byte_count count, std::optional<overlap_check> tail = std::nullopt);

    [[nodiscard]] bool tail_differs() const noexcept { return tail_ && tail_->is_different(); }
    /// The partial file matches, or there was none to compare.
    [[nodiscard]] bool tail_is_same() const noexcept { return !tail_ || tail_->is_same(); }

private:
    bool take(std::span<char> block, transfer_counts& out) override;
    void end(bool complete, transfer_counts& out) override;
    bool write(std::string_view bytes, transfer_counts& out) const;

    int file_;
    bool ascii_;
    byte_count count_;
    std::optional<overlap_check> tail_;
    proto::from_network_ascii filter_;
};

struct file_part;

/// Writes the received data to their place in `file`, until the part ends.
class part_receiver final : public receiver {
public:
    /// `count` is called with the position in the file and the size of the file.
    using position = std::function<void(std::uint64_t at, std::optional<std::uint64_t> size)>;
    part_receiver(int file, file_part& part, position count);

    [[nodiscard]] bool is_complete() const noexcept;
    /// More data than the whole file has.
    [[nodiscard]] bool is_too_long() const noexcept { return too_long_; }

private:
    bool take(std::span<char> block, transfer_counts& out) override;

    int file_;
    file_part& part_;
    position count_;
    bool too_long_ = false;
};

/// Reads to the end and discards the data.
class discarder final : public receiver {
public:
    discarder();

private:
    bool take(std::span<char> block, transfer_counts& out) override;
};

/// Compares the received data with the end of the partial file, and writes nothing.
class tail_receiver final : public receiver {
public:
    explicit tail_receiver(overlap_check tail);
    [[nodiscard]] const overlap_check& tail() const noexcept { return tail_; }

private:
    bool take(std::span<char> block, transfer_counts& out) override;
    void end(bool complete, transfer_counts& out) override;

    overlap_check tail_;
};

/// Sends `file` from `offset`, with sendfile if it is a regular file and the bytes need no conversion. `check_end`, which
/// may be empty, is called at the end of a pipe; its error ends the transfer as one of the local file.
class file_sender final : public data_handler {
public:
    file_sender(int file, std::uint64_t offset, bool ascii, byte_count count, std::function<result<void>()> check_end = {})
        : file_(file), offset_(offset), ascii_(ascii), count_(std::move(count)), check_end_(std::move(check_end)) {}
    net::task<transfer_counts> run(net::stream& data, net::time_limit limit) override;

private:
    net::task<transfer_counts> send_regular(net::stream& data, net::time_limit limit, std::uint64_t size);
    net::task<transfer_counts> send_stream(net::stream& data, net::time_limit limit);

    int file_;
    std::uint64_t offset_;
    bool ascii_;
    byte_count count_;
    std::function<result<void>()> check_end_;
};

/// Passes each received line, without its line end, to `on_line`. An error of `on_line` ends the transfer (CL-04).
class line_receiver final : public receiver {
public:
    using line_callback = std::function<result<void>(std::string_view line)>;
    explicit line_receiver(line_callback on_line);
    /// Number of lines that were too long or contained NUL or a lone CR; they were dropped.
    [[nodiscard]] std::size_t bad_lines() const noexcept { return bad_lines_; }

private:
    bool take(std::span<char> block, transfer_counts& out) override;
    void end(bool complete, transfer_counts& out) override;
    result<void> process_lines();

    line_callback on_line_;
    proto::line_buffer lines_;
    std::size_t bad_lines_ = 0;
};

}  // namespace sallyport::client
