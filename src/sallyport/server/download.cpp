// RETR: sends a file over the data connection.

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sallyport/proto/ascii_filter.hpp>
#include <sallyport/server/access_policy.hpp>
#include <sallyport/server/transfer.hpp>

namespace sallyport::server {
namespace {

/// The number of bytes sent between two checks of the page cache; large enough for sendfile to be efficient.
constexpr std::uint64_t send_step = 1024 * 1024;
/// Fits into the send buffer of any socket, so that sending does not wait for the client.
constexpr std::uint64_t small_file = 16 * 1024;
/// What is read at a time where bytes pass through a buffer; less if the client is slow or large buffers are short (RX-03).
constexpr std::size_t large_block = 64 * 1024;
constexpr std::size_t small_block = 8 * 1024;
/// With a large block: TYPE A may double the size.
constexpr std::size_t large_buffers_of_one = 3 * large_block;

net::task<result<std::unique_ptr<vfs::read_file>>> open_file(transfer& t) {
    // A small file whose name and content are cached is handled on the loop: two changes of threads would cost more than the
    // transfer.
    result<std::unique_ptr<vfs::read_file>> file = t.files().open_read(t.request().path, vfs::may_block::no);
    if (!file && file.error().code == errc::busy) {
        auto open = [&t] { return t.files().open_read(t.request().path, vfs::may_block::yes); };
        file = co_await t.disk().run(std::move(open));
    }
    co_return file;
}

/// Makes sure that these bytes are in memory; loads them on the pool if they must be read from the disk.
net::task<result<void>> make_resident(transfer& t, vfs::read_file& file, std::uint64_t offset, std::uint64_t count) {
    if (file.resident(offset, count)) co_return result<void>();
    auto load = [&file, offset, count] { return file.load(offset, count); };
    co_return co_await t.disk().run(std::move(load));
}

/// The offset after the last byte to be sent.
std::uint64_t end_offset(const transfer& t, const vfs::read_file& file) {
    return std::max(t.request().offset, std::min(t.request().end, file.facts().size));
}

error file_truncated(const transfer& t) {
    return {errc::io, 0, fmt::format("{}: the file was truncated while it was being sent", t.request().path.text())};
}

net::task<result<void>> send_image(transfer& t, vfs::read_file& file) {
    const std::uint64_t end = end_offset(t, file);
    std::uint64_t position = t.request().offset;
    while (position < end) {
        const std::uint64_t count = std::min(t.rate().step(send_step), end - position);
        const result<void> loaded = co_await make_resident(t, file, position, count);
        if (!loaded) co_return loaded;
        if (t.cancelled()) co_return fail(errc::cancelled);
        std::uint64_t sent = 0;
        const result<std::uint64_t> done =
            co_await t.data().send_file(file.descriptor(), position, count, t.progress_limit(), sent);
        t.count(sent);
        if (!done) co_return std::unexpected(done.error());
        // The file was truncated (DU-05).
        if (*done < count) co_return std::unexpected(file_truncated(t));
        position += count;
        if (t.rate().is_set()) co_await t.rate().wait(count, t.disk().loop(), t.disk().cancel_flag());
        if (t.cancelled()) co_return fail(errc::cancelled);
    }
    co_return result<void>();
}

/// The remaining content of a small file, if it can be read without waiting.
std::optional<std::string> small_content(const transfer& t, vfs::read_file& file) {
    const std::uint64_t count = end_offset(t, file) - t.request().offset;
    if (t.is_ascii() || count > small_file) return std::nullopt;
    std::string content(static_cast<std::size_t>(count), '\0');
    const result<std::size_t> got = file.read_at(t.request().offset, content, vfs::may_block::no);
    // send_through_buffer() reports the error.
    if (!got || *got < count) return std::nullopt;
    return content;
}

/// Sends the content and its end in one packet, where sendfile would need two.
net::task<result<void>> send_small(transfer& t, const std::string& content) {
    const result<void> done = co_await t.send_final(content);
    if (done) t.count(content.size());
    if (done && t.rate().is_set()) co_await t.rate().wait(content.size(), t.disk().loop(), t.disk().cancel_flag());
    co_return done;
}

/// Sends through a buffer: for TYPE A and MODE B, and for files without a descriptor.
net::task<result<void>> send_through_buffer(transfer& t, vfs::read_file& file) {
    const std::uint64_t end = end_offset(t, file);
    std::size_t block_size = 0;
    std::unique_ptr<char[]> block;
    proto::to_network_ascii filter;
    std::string text;
    std::uint64_t position = t.request().offset;
    while (position < end) {
        const net::send_piece piece = t.data().next_piece(large_buffers_of_one);
        const std::size_t wanted = piece.size == large_buffers_of_one ? large_block : small_block;
        if (std::exchange(block_size, wanted) != wanted) {
            block = std::make_unique_for_overwrite<char[]>(wanted);
            std::string().swap(text);
        }
        const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(t.rate().step(wanted), end - position));
        const std::span<char> into(block.get(), count);
        result<std::size_t> got = file.read_at(position, into, vfs::may_block::no);
        if (!got && got.error().code == errc::busy) {
            auto read = [&file, position, into] { return file.read_at(position, into, vfs::may_block::yes); };
            got = co_await t.disk().run(std::move(read));
        }
        if (!got) co_return std::unexpected(got.error());
        if (t.cancelled()) co_return fail(errc::cancelled);
        if (*got < count) co_return std::unexpected(file_truncated(t));
        std::string_view bytes(block.get(), count);
        if (t.is_ascii()) {
            text.clear();
            filter.filter(bytes, text);
            bytes = text;
        }
        const result<void> done = co_await t.send(bytes);
        if (!done) co_return done;
        t.count(bytes.size());
        position += count;
        if (t.rate().is_set()) co_await t.rate().wait(bytes.size(), t.disk().loop(), t.disk().cancel_flag());
    }
    co_return result<void>();
}

}  // namespace

net::task<result<proto::transfer_outcome>> download(transfer& t) {
    const result<void> access = check_access(*t.user_account(), t.request().command, t.request().path);
    if (!access) co_return std::unexpected(access.error());
    result<std::unique_ptr<vfs::read_file>> file = co_await open_file(t);
    if (!file) co_return std::unexpected(file.error());
    const std::uint64_t size = (*file)->facts().size;
    const std::uint64_t offset = t.request().offset;
    if (offset > size)
        co_return fail(errc::out_of_range, fmt::format("{} has only {} bytes", t.request().path.text(), size));

    const std::optional<std::string> content = small_content(t, **file);
    // Many clients start TLS only after 150.
    const bool one_write = content && (!t.is_protected() || t.reuses_data_connection());
    const reply_timing timing = one_write ? reply_timing::with_final_reply : reply_timing::immediate;
    const result<void> opened = co_await t.open_data(std::string(t.request().path.name()),
                                                     fmt::format(" ({} bytes)", end_offset(t, **file) - offset), timing);
    if (!opened) co_return std::unexpected(opened.error());
    result<void> sent;
    if (content)
        sent = co_await send_small(t, *content);
    else if (!t.is_ascii() && !t.is_block_mode() && (*file)->descriptor() >= 0)
        sent = co_await send_image(t, **file);
    else
        sent = co_await send_through_buffer(t, **file);
    if (sent) sent = co_await t.finish_data();
    if (!sent) co_return std::unexpected(sent.error());
    co_return proto::transfer_outcome{};
}

}  // namespace sallyport::server
