#include <sallyport/client/data_handler.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/client/client.hpp>

namespace sallyport::client {

namespace {

/// Bytes that are read or written at a time: large enough to make the cost of system calls small, and small enough for the
/// second-level cache.
constexpr std::size_t file_block = 256 * 1024;
constexpr std::size_t text_block = 64 * 1024;
constexpr std::size_t discarded_block = 8 * 1024;
/// Bytes that are sent between two progress reports.
constexpr std::uint64_t send_piece = 4 * 1024 * 1024;

/// Standard output may be a pipe that another process made non-blocking.
void wait_ready(int file, short events) {
    pollfd p{file, events, 0};
    ::poll(&p, 1, -1);
}

result<void> write_fully(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(file, bytes.data(), bytes.size());
        if (n >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            wait_ready(file, POLLOUT);
        } else if (errno != EINTR) {
            return fail_os(errno, "writing the local file");
        }
    }
    return {};
}

result<void> write_fully_at(int file, std::string_view bytes, std::uint64_t at) {
    while (!bytes.empty()) {
        const auto n = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_os(errno, "writing the local file");
        bytes.remove_prefix(static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
    return {};
}

result<std::size_t> read_block(int file, std::span<char> into) {
    for (;;) {
        const auto n = ::read(file, into.data(), into.size());
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno == EAGAIN)
            wait_ready(file, POLLIN);
        else if (errno != EINTR)
            return fail_os(errno, "reading the local file");
    }
}

error different_file() { return {errc::unexpected, 0, "the received data do not match the partial file"}; }

/// Returns false if the transfer has to end, with the failure in `out`.
bool compare_tail(overlap_check& tail, std::string_view& bytes, transfer_counts& out) {
    if (const auto read = tail.compare(bytes); !read) {
        out.failure = read.error();
        out.is_local = true;
    } else if (tail.is_different()) {
        out.failure = different_file();
    }
    return !out.failure;
}

}  // namespace

net::task<transfer_counts> receiver::run(net::stream& data, net::time_limit limit) {
    transfer_counts out;
    std::vector<char> buffer(1 + block_bytes_);
    const auto block = std::span(buffer).subspan(1);
    bool complete = false;
    for (;;) {
        const auto n = co_await data.read_some(block.first(piece(block.size())), limit);
        if (!n) out.failure = n.error();
        complete = n && *n == 0;
        if (!n || complete || !take(block.first(*n), out)) break;
        const auto pause = pause_after(*n);
        if (pause > net::clock::duration::zero()) co_await sleep(pause);
    }
    end(complete, out);
    co_return out;
}

void receiver::end(bool /*complete*/, transfer_counts& /*out*/) {}

file_receiver::file_receiver(int file, bool ascii, byte_count count, std::optional<overlap_check> tail)
    : receiver(file_block), file_(file), ascii_(ascii), count_(std::move(count)), tail_(tail) {}

bool file_receiver::take(std::span<char> block, transfer_counts& out) {
    std::string_view bytes(block.data(), block.size());
    if (tail_ && !compare_tail(*tail_, bytes, out)) return false;
    out.bytes += bytes.size();
    if (ascii_) {
        // What the filter kept of the last block is put before this one.
        char* const begin = block.data() + (bytes.data() - block.data()) - 1;
        bytes = filter_.filter({begin, bytes.size() + 1}, false);
    }
    if (!write(bytes, out)) return false;
    count_(out.bytes);
    return true;
}

void file_receiver::end(bool complete, transfer_counts& out) {
    if (complete && tail_) tail_->finish();
    if (complete && tail_differs()) out.failure = different_file();
    std::array<char, 1> spare{};
    if (ascii_) (void)write(filter_.filter(spare, true), out);
}

bool file_receiver::write(std::string_view bytes, transfer_counts& out) const {
    const auto written = write_fully(file_, bytes);
    // The first failure is the cause of the others.
    if (!written && !out.failure) {
        out.failure = written.error();
        out.is_local = true;
    }
    return written.has_value();
}

part_receiver::part_receiver(int file, file_part& part, position count)
    : receiver(file_block), file_(file), part_(part), count_(std::move(count)) {}

bool part_receiver::is_complete() const noexcept { return !too_long_ && part_.at >= part_.end; }

bool part_receiver::take(std::span<char> block, transfer_counts& out) {
    const std::uint64_t at = part_.at;
    const std::uint64_t end = part_.end;
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), end > at ? end - at : 0));
    too_long_ = bytes < block.size() && end == part_.size;
    const auto written = write_fully_at(file_, {block.data(), bytes}, at);
    if (!written) {
        out.failure = written.error();
        out.is_local = true;
        return false;
    }
    out.bytes += bytes;
    part_.at = at + bytes;
    if (count_) count_(at + bytes, part_.size);
    return !too_long_ && (part_.at < part_.end || part_.end == part_.size);
}

discarder::discarder() : receiver(discarded_block) {}

bool discarder::take(std::span<char> block, transfer_counts& out) {
    out.bytes += block.size();
    return true;
}

tail_receiver::tail_receiver(overlap_check tail) : receiver(text_block), tail_(tail) {}

bool tail_receiver::take(std::span<char> block, transfer_counts& out) {
    std::string_view bytes(block.data(), block.size());
    out.bytes += bytes.size();
    // If the bytes differ, the rest is received if it is short: some servers close the session of an interrupted transfer.
    if (!tail_.is_different() && !compare_tail(tail_, bytes, out) && out.is_local) return false;
    if (out.bytes > resume_overlap) return false;
    out.failure.reset();
    return true;
}

void tail_receiver::end(bool complete, transfer_counts& /*out*/) {
    if (complete) tail_.finish();
}

net::task<transfer_counts> file_sender::run(net::stream& data, net::time_limit limit) {
    struct ::stat about{};
    const bool regular = ::fstat(file_, &about) == 0 && S_ISREG(about.st_mode);
    transfer_counts out;
    if (regular && !ascii_)
        out = co_await send_regular(data, limit, static_cast<std::uint64_t>(about.st_size));
    else
        out = co_await send_stream(data, limit);
    if (out.failure) co_return out;
    // How the peer closes does not matter: its 226 and its size decide. But closing with received bytes in the buffer (TLS
    // session tickets) would send RST, and the server could lose the end of the file.
    const auto finished = co_await data.shutdown_send(limits::tls_shutdown_timeout);
    if (!finished || !data.is_tls()) co_return out;
    const auto until = net::time_limit::within(limits::tls_shutdown_timeout);
    std::array<char, 4096> ignored;
    for (;;) {
        const auto n = co_await data.read_some(ignored, until);
        if (!n || *n == 0) break;
    }
    co_return out;
}

net::task<transfer_counts> file_sender::send_regular(net::stream& data, net::time_limit limit, std::uint64_t size) {
    transfer_counts out;
    std::uint64_t at = offset_;
    while (at < size) {
        const auto next = std::min<std::uint64_t>(piece(send_piece), size - at);
        std::uint64_t passed = 0;
        const auto sent = co_await data.send_file(file_, at, next, limit, passed);
        if (!sent) {
            out.bytes += passed;
            out.failure = sent.error();
            co_return out;
        }
        at += *sent;
        out.bytes += *sent;
        count_(out.bytes);
        if (*sent < next) {
            out.failure = error{errc::truncated, 0, "the local file was truncated during the transfer"};
            out.is_local = true;
            co_return out;
        }
        const auto pause = pause_after(*sent);
        if (pause > net::clock::duration::zero()) co_await sleep(pause);
    }
    co_return out;
}

net::task<transfer_counts> file_sender::send_stream(net::stream& data, net::time_limit limit) {
    transfer_counts out;
    std::vector<char> block(file_block);
    proto::to_network_ascii filter;
    std::string text;
    for (;;) {
        auto n = read_block(file_, std::span(block).first(piece(block.size())));
        if (n && *n == 0 && check_end_)
            if (auto whole = check_end_(); !whole) n = std::unexpected(std::move(whole.error()));
        if (!n) {
            out.failure = n.error();
            out.is_local = true;
            break;
        }
        if (*n == 0) break;
        std::string_view bytes(block.data(), *n);
        if (ascii_) {
            text.clear();
            filter.filter(bytes, text);
            bytes = text;
        }
        const auto sent = co_await data.write_all(bytes, limit);
        if (!sent) {
            out.failure = sent.error();
            break;
        }
        out.bytes += bytes.size();
        count_(out.bytes);
        const auto pause = pause_after(bytes.size());
        if (pause > net::clock::duration::zero()) co_await sleep(pause);
    }
    co_return out;
}

line_receiver::line_receiver(line_callback on_line)
    : receiver(text_block), on_line_(std::move(on_line)), lines_(limits::max_reply_line) {}

bool line_receiver::take(std::span<char> block, transfer_counts& out) {
    out.bytes += block.size();
    lines_.append({block.data(), block.size()});
    if (const auto taken = process_lines(); !taken) out.failure = taken.error();
    return !out.failure;
}

void line_receiver::end(bool complete, transfer_counts& out) {
    if (!complete) return;
    // The last line may lack its line end.
    lines_.append("\r\n");
    if (const auto taken = process_lines(); !taken) out.failure = taken.error();
}

result<void> line_receiver::process_lines() {
    for (;;) {
        std::string_view line;
        switch (lines_.next(line)) {
            case proto::line_buffer::status::need_more: return {};
            case proto::line_buffer::status::line:
                if (line.empty()) break;
                if (auto taken = on_line_(line); !taken) return taken;
                break;
            case proto::line_buffer::status::too_long:
            case proto::line_buffer::status::bad_byte: ++bad_lines_; break;
        }
    }
}

}  // namespace sallyport::client
