// LIST, NLST, MLSD: blocks are read and formatted on the pool while earlier ones are sent.

#include <chrono>
#include <utility>

#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/stall_watch.hpp>
#include <sallyport/server/lister.hpp>
#include <sallyport/server/read_ahead.hpp>
#include <sallyport/server/transfer.hpp>

namespace sallyport::server {
namespace {

net::task<result<void>> send_block(transfer& t, read_ahead& rest, std::string_view block) {
    if (block.empty()) co_return result<void>();
    const result<void> done = co_await t.send(block);
    if (!done) co_return done;
    t.count(block.size());
    rest.note_sent(net::tcp_bytes_transferred(t.data().native_handle()));
    co_return done;
}

/// The threads that read use `source`, so an exception must not end this before they have finished.
net::task<result<void>> send_blocks(transfer& t, lister& source, std::string first, memory_budget::lease lease) {
    read_ahead rest(t.disk(), source, large_buffers(), std::move(lease));
    result<void> done;
    result<std::string> block = std::move(first);
    for (;;) {
        try {
            t.progress_limit().stall->set_slow_peer_handler(rest.slow_client_handler());
            done = co_await send_block(t, rest, *block);
        } catch (...) {
            net::log_exception("listing", std::current_exception());
            done = fail_without_memory();
        }
        do {
            if (!done) source.stop();
            block = co_await rest.next();
            if (block && block->empty()) co_return done;
            if (done && !block) done = std::unexpected(std::move(block.error()));
        } while (!done);
    }
}

}  // namespace

net::task<result<proto::transfer_outcome>> send_listing(transfer& t) {
    lister source(t.files(), t.request(), t.user_account(), seconds_now(), &t.disk().cancel_flag());
    auto lease = large_buffers().take(read_ahead::lease_size);
    const std::size_t size = lease ? limits::listing_block_size : limits::small_listing_block_size;
    result<std::string> first = co_await read_first(t.disk(), source, size);
    if (!first) co_return std::unexpected(first.error());
    const result<void> opened = co_await t.open_data("/bin/ls", {}, reply_timing::immediate);
    if (!opened) co_return std::unexpected(opened.error());
    result<void> sent = co_await send_blocks(t, source, std::move(*first), std::move(lease));
    if (sent) sent = co_await t.finish_data();
    if (!sent) co_return std::unexpected(sent.error());
    co_return proto::transfer_outcome{};
}

}  // namespace sallyport::server
