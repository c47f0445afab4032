// LIST, NLST, MLSD: a block is formatted on the pool while the one before it is sent.

#include <chrono>
#include <utility>

#include <sallyport/server/background.hpp>
#include <sallyport/server/lister.hpp>
#include <sallyport/server/transfer.hpp>

namespace sallyport::server {
namespace {

std::int64_t seconds_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

net::task<result<void>> send_blocks(transfer& t, lister& source, std::string block) {
    background<result<std::string>> ahead(t.shared().disk, t.home());
    while (!block.empty()) {
        // A block well below its size was the last one: no trip to the pool to hear so.
        const bool more = block.size() >= lister::block_bytes;
        if (more) ahead.start([&source] { return source.next(); });
        const result<void> sent = co_await t.data().write_all(block, t.patience());
        if (sent) t.count(block.size());
        block.clear();
        if (more) {
            result<std::string> next = co_await ahead.finish();
            if (sent && !next) co_return std::unexpected(next.error());
            if (next) block = std::move(*next);
        }
        if (!sent) co_return sent;
    }
    co_return result<void>();
}

}  // namespace

net::task<result<proto::transfer_result>> send_listing(transfer& t) {
    lister source(t.files(), t.request(), t.who(), seconds_now());
    auto read = [&source] { return source.next(); };
    result<std::string> first = co_await net::offload(t.shared().disk, t.home(), std::move(read));
    if (!first) co_return std::unexpected(first.error());
    const result<void> opened = co_await t.open_data("/bin/ls", {}, announce::now);
    if (!opened) co_return std::unexpected(opened.error());
    const result<void> sent = co_await send_blocks(t, source, std::move(*first));
    if (!sent) co_return std::unexpected(sent.error());
    co_await t.finish_data();
    co_return proto::transfer_result{};
}

}  // namespace sallyport::server
