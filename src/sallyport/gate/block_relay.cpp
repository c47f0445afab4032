#include <sallyport/gate/block_relay.hpp>

#include <algorithm>
#include <memory>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/block_mode.hpp>

namespace sallyport::gate {
namespace {

using net::relay_end;
using net::relay_outcome;

// A file that needs more is on its way to being a stream (relay_blocks.cpp).
constexpr std::size_t piece = 32UL * 1024;

relay_outcome failed(relay_end whose, error cause) {
    const bool stalled = cause.code == errc::timeout;
    return {stalled ? relay_end::stalled : whose, std::move(cause)};
}

relay_outcome cut() { return {relay_end::b_failed, {errc::truncated, 0, "its data connection ended before its file"}}; }

net::task<relay_outcome> download(net::stream& client, net::stream& backend, net::time_limit limit,
                                  net::relay_counts& counts) {
    const auto memory = std::make_unique_for_overwrite<char[]>(piece);
    proto::block_reader blocks;
    while (!blocks.ended()) {
        const auto got = co_await backend.read_some({memory.get(), piece}, limit);
        if (!got) co_return failed(relay_end::b_failed, got.error());
        if (*got == 0) co_return cut();
        const auto bytes = blocks.unwrap({memory.get(), *got});
        if (!bytes) co_return failed(relay_end::b_failed, bytes.error());
        counts.from_b += *bytes;
        const std::string_view file(memory.get(), *bytes);
        auto write = blocks.ended() ? client.write_last(file, limit) : client.write_all(file, limit);
        const auto sent = co_await std::move(write);
        if (!sent) co_return failed(relay_end::a_failed, sent.error());
        counts.b_to_a += file.size();
        counts.last_activity = net::clock::now();
    }
    const auto ended = co_await client.finish_sending(limits::tls_shutdown);
    if (!ended) co_return failed(relay_end::a_failed, ended.error());
    co_return relay_outcome{};
}

net::task<relay_outcome> upload(net::stream& client, net::stream& backend, net::time_limit limit, net::relay_counts& counts,
                                net::end_check may_end) {
    const auto memory = std::make_unique_for_overwrite<char[]>(proto::block_header_size + piece);
    char* const file = memory.get() + proto::block_header_size;
    for (bool last = false; !last;) {
        const auto got = co_await client.read_some({file, piece}, limit);
        if (!got) co_return failed(relay_end::a_failed, got.error());
        counts.from_a += *got;
        last = *got == 0;
        if (const auto allowed = last && may_end ? may_end() : result<void>(); !allowed)
            co_return failed(relay_end::a_failed, allowed.error());
        std::ranges::copy(proto::block_header(*got, last), memory.get());
        const auto sent = co_await backend.write_all({memory.get(), proto::block_header_size + *got}, limit);
        if (!sent) co_return failed(relay_end::b_failed, sent.error());
        counts.a_to_b += *got;
        counts.last_activity = net::clock::now();
    }
    co_return relay_outcome{};
}

}  // namespace

net::task<relay_outcome> relay_blocks(net::stream& client, net::stream& backend, net::time_limit limit,
                                      net::relay_counts& counts, net::relay_flow flow, net::end_check may_end) {
    counts.last_activity = net::clock::now();
    return flow == net::relay_flow::a_to_b ? upload(client, backend, limit, counts, std::move(may_end))
                                           : download(client, backend, limit, counts);
}

}  // namespace sallyport::gate
