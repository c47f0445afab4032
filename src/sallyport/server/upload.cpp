// STOR, APPE, STOU: data connection to file. Nothing is published before the data has ended in good order (DU-01, DU-03).
//
// What fits into the first block costs one trip to the disk's threads: open, write and commit together. Beyond it two
// blocks take turns, one arriving while the other is written, so that neither side waits for the other.

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/proto/ascii_filter.hpp>
#include <sallyport/server/background.hpp>
#include <sallyport/server/transfer.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t first_block = 64 * 1024;
constexpr std::size_t further_block = 512 * 1024;
/// After a disk error the client is listened to a little longer, so that it reads our reply and not only a reset (DU-04).
constexpr auto drain_time = 1s;
constexpr int unique_tries = 1000;

struct block {
    explicit block(std::size_t bytes) : data(std::make_unique_for_overwrite<char[]>(bytes)), capacity(bytes) {}
    std::unique_ptr<char[]> data;
    std::size_t capacity;
    std::size_t size = 0;
    bool last = false;  // the sender has ended in good order behind it
    std::string text;   // TYPE A: converted

    [[nodiscard]] std::span<const char> raw() const noexcept { return {data.get(), size}; }
};

class upload_job {
public:
    upload_job(transfer& t, virtual_path path, vfs::store_mode mode)
        : t_(t), path_(std::move(path)), mode_(mode), writer_(t.shared().disk, t.home()) {}

    /// For what builds on the old content: a bad offset must be known before the data connection is used (554).
    net::task<result<void>> open_now() {
        auto open = [this] { return open_store(); };
        co_return co_await net::offload(t_.shared().disk, t_.home(), std::move(open));
    }

    net::task<result<void>> receive() {
        result<void> done = co_await receive_all();
        if (!done && disk_failed_) co_await drain();
        // Giving up a large unpublished file takes the disk's time.
        if (store_ != nullptr) co_await close_store();
        co_return done;
    }

private:
    net::task<result<void>> receive_all() {
        block current(first_block);
        result<void> got = co_await fill(current);
        if (!got) co_return got;
        if (current.last) co_return co_await commit(&current);
        block next(further_block);
        for (;;) {
            writer_.start([this, &current] { return write(current); });
            got = co_await fill(next);
            const result<void> written = co_await writer_.finish();
            if (!written) co_return disk_failure(written.error());
            if (!got) co_return got;
            std::swap(current, next);
            if (current.last) co_return co_await commit(&current);
            if (next.capacity < further_block) next = block(further_block);
        }
    }

    /// Until the block is full or the sender has ended.
    net::task<result<void>> fill(block& b) {
        b.size = 0;
        while (b.size < b.capacity) {
            const std::span<char> room(b.data.get() + b.size, b.capacity - b.size);
            const result<std::size_t> got = co_await t_.data().read_some(room, t_.patience());
            if (!got) co_return std::unexpected(got.error());
            if (*got == 0) {
                b.last = true;
                break;
            }
            b.size += *got;
            t_.count(*got);
        }
        if (t_.is_ascii()) {
            b.text.clear();
            filter_.filter({b.data.get(), b.size}, b.text);
            if (b.last) filter_.finish(b.text);
        }
        co_return result<void>();
    }

    /// The last block and the publication, in one trip.
    net::task<result<void>> commit(const block* last) {
        const auto announced = t_.request().announced;
        if (announced && !t_.is_ascii() && t_.bytes() < *announced)
            co_return fail(errc::truncated,
                           fmt::format("ALLO announced {} bytes, {} came; nothing was stored", *announced, t_.bytes()));
        co_await t_.finish_data();
        if (!t_.begin_commit()) co_return fail(errc::cancelled);
        auto publish = [this, last]() -> result<void> {
            result<void> done = write(*last);
            if (done) done = store_->commit();
            store_.reset();
            return done;
        };
        co_return co_await net::offload(t_.shared().disk, t_.home(), std::move(publish));
    }

    // On the pool.
    result<void> write(const block& b) {
        if (store_ == nullptr) {
            const result<void> opened = open_store();
            if (!opened) return opened;
        }
        return store_->write(t_.is_ascii() ? std::span<const char>(b.text) : b.raw());
    }

    // On the pool.
    result<void> open_store() {
        auto opened = t_.files().open_store(path_, mode_, t_.request().offset);
        if (!opened) return std::unexpected(opened.error());
        store_ = std::move(*opened);
        return {};
    }

    net::task<> close_store() {
        auto close = [this] {
            store_.reset();
            return true;
        };
        (void)co_await net::offload(t_.shared().disk, t_.home(), std::move(close));
    }

    result<void> disk_failure(const error& cause) {
        disk_failed_ = true;
        return std::unexpected(cause);
    }

    net::task<> drain() {
        std::array<char, 4096> nowhere;
        const net::time_limit limit = net::time_limit::within(drain_time);
        for (;;) {
            const result<std::size_t> got = co_await t_.data().read_some(nowhere, limit);
            if (!got || *got == 0) co_return;
        }
    }

    transfer& t_;
    virtual_path path_;
    vfs::store_mode mode_;
    background<result<void>> writer_;
    std::unique_ptr<vfs::store_file> store_;
    proto::from_network_ascii filter_;
    bool disk_failed_ = false;
};

vfs::store_mode mode_of(const proto::transfer_request& r) noexcept {
    if (r.what == proto::verb::appe) return vfs::store_mode::append;
    if (r.what == proto::verb::stou) return vfs::store_mode::create_new;
    return r.offset > 0 ? vfs::store_mode::resume : vfs::store_mode::replace;
}

/// STOU: a name that is free, after the one that was suggested. Another upload may take it meanwhile; then commit fails.
result<virtual_path> free_name(vfs::filesystem& files, const virtual_path& suggested) {
    const result<vfs::status> found = files.stat(suggested, vfs::may_block::yes);
    if (!found && found.error().code == errc::not_found) return suggested;
    const bool folder = found && found->type == vfs::file_type::directory;
    const virtual_path directory = folder ? suggested : suggested.parent();
    const std::string stem(folder ? "file" : suggested.name());
    for (int i = 1; i <= unique_tries; ++i) {
        const auto path = directory.resolve(fmt::format("{}.{}", stem, i));
        if (!path) return fail(errc::name_invalid, suggested.text());
        const result<vfs::status> taken = files.stat(*path, vfs::may_block::yes);
        if (!taken && taken.error().code == errc::not_found) return *path;
    }
    return fail(errc::exists, fmt::format("{}: {} names after it are taken too", suggested.text(), unique_tries));
}

}  // namespace

net::task<result<proto::transfer_result>> upload(transfer& t) {
    const proto::transfer_request& request = t.request();
    if (t.who().read_only) co_return fail(errc::permission, request.path.text());
    virtual_path path = request.path;
    if (request.what == proto::verb::stou) {
        auto choose = [&t] { return free_name(t.files(), t.request().path); };
        result<virtual_path> chosen = co_await net::offload(t.shared().disk, t.home(), std::move(choose));
        if (!chosen) co_return std::unexpected(chosen.error());
        path = std::move(*chosen);
    }
    // A directory that is not there is best said before the client sends anything; where the disk would have to be asked
    // it is said later.
    const result<vfs::status> folder = t.files().stat(path.parent(), vfs::may_block::no);
    if (!folder && folder.error().code != errc::busy) co_return std::unexpected(folder.error());

    const std::string name(path.name());
    upload_job job(t, std::move(path), mode_of(request));
    if (request.offset > 0) {
        const result<void> ready = co_await job.open_now();
        if (!ready) co_return std::unexpected(ready.error());
    }
    const result<void> opened = co_await t.open_data(name, {}, announce::now);
    if (!opened) co_return std::unexpected(opened.error());
    const result<void> stored = co_await job.receive();
    if (!stored) co_return std::unexpected(stored.error());
    proto::transfer_result outcome;
    if (request.what == proto::verb::stou) outcome.note = fmt::format("Stored as {}.", name);
    co_return outcome;
}

}  // namespace sallyport::server
