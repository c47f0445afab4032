// STOR, APPE, STOU: data connection to file. Nothing is published before the data has ended in good order (DU-01, DU-03).
//
// The file is opened before the client is told to send. What fits into the first block costs one more trip to the disk's
// threads, write and commit together; where no disk takes part there is none at all. What follows goes from the network's
// pages to the file's by way of pipes; under TLS and in TYPE A, where the bytes must be looked at, through blocks of memory.
// Two of either take turns, one being filled while the other is written, so that neither side waits for the other.

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/proto/ascii_filter.hpp>
#include <sallyport/server/transfer.hpp>
#include <sallyport/server/work_queue.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

// Small, as it is held while nothing comes yet.
constexpr std::size_t first_block = 32 * 1024;
constexpr std::size_t further_block = 512 * 1024;
// How much should be there before we are woken: of a small file all, of a large one what is worth a trip, but so little
// that the sender's window does not close meanwhile.
constexpr std::size_t first_watermark = 16 * 1024;
constexpr std::size_t further_watermark = 128 * 1024;
/// After a disk error the client is listened to a little longer, so that it reads our reply and not only a reset (DU-04).
constexpr auto discard_time = 1s;
constexpr int unique_tries = 1000;

/// What is written in one piece.
struct portion {
    portion() = default;
    explicit portion(std::size_t bytes) : data(std::make_unique_for_overwrite<char[]>(bytes)), capacity(bytes) {}

    net::pipe pages;               // either this
    std::unique_ptr<char[]> data;  // or this, with
    std::size_t capacity = 0;
    std::size_t size = 0;
    bool last = false;  // the sender has ended in good order behind it
    std::string text;   // TYPE A: converted

    [[nodiscard]] explicit operator bool() const noexcept { return pages || data; }
};

class upload_job {
public:
    upload_job(transfer& t, virtual_path path, vfs::store_mode mode) : t_(t), path_(std::move(path)), mode_(mode) {}

    /// What can't be stored is refused before 150, so that the client sends nothing in vain: no such directory, a directory
    /// of that name, no right to write, an offset behind the end.
    net::task<result<void>> open() {
        result<void> opened = open_store(vfs::may_block::no);
        in_memory_ = opened.has_value();
        if (opened || opened.error().code != errc::busy) co_return opened;
        auto open = [this] { return open_store(vfs::may_block::yes); };
        co_return co_await net::offload(t_.shared().disk, t_.loop(), std::move(open));
    }

    net::task<result<void>> receive() {
        result<void> done = co_await receive_all();
        if (!done && disk_failed_) co_await discard_input();
        co_return done;
    }

    /// Giving up what was not published takes the disk's time where it is large.
    net::task<> close() {
        if (store_ == nullptr || (in_memory_ && t_.bytes() <= first_block)) co_return;
        auto close = [this] {
            store_.reset();
            return true;
        };
        (void)co_await net::offload(t_.shared().disk, t_.loop(), std::move(close));
    }

private:
    net::task<result<void>> receive_all() {
        if (is_stream()) t_.data().set_low_watermark(first_watermark);
        portion first(first_block);
        result<void> received = co_await fill(first);
        if (received && first.last && in_memory_) {
            received = co_await finish_receiving();
            if (received) received = write_and_publish(first);
            co_return received;
        }
        if (!received) co_return received;
        work_queue writer(t_.shared().disk, t_.loop());
        std::array<portion, 2> blocks;
        received = co_await write_blocks(writer, first, blocks);
        // However that ended: what the pool still has in hand refers to us.
        const result<void> written = co_await writer.wait_for_remaining(0);
        if (written) co_return received;
        disk_failed_ = true;
        co_return written;
    }

    net::task<result<void>> write_blocks(work_queue& writer, const portion& first, std::array<portion, 2>& blocks) {
        if (is_stream()) t_.data().set_low_watermark(further_watermark);
        const portion* filled = &first;
        for (std::size_t index = 0; !filled->last; index = 1 - index) {
            writer.add([this, filled] { return write(*filled); });
            portion& next = blocks.at(index);
            // What `next` held before was added before what the other one holds, so it is written.
            result<void> done = co_await writer.wait_for_remaining(1);
            if (done && !next) next = further_portion();
            if (done) done = co_await fill(next);
            if (!done) co_return done;
            filled = &next;
        }
        const result<void> ended = co_await finish_receiving();
        if (!ended) co_return ended;
        // Given up with this piece of work, when the outcome is known already: what was replaced may be large.
        auto publish = [this, filled, published = std::unique_ptr<vfs::store_file>()]() mutable {
            const result<void> done = write_and_publish(*filled);
            if (done) published = std::move(store_);
            return done;
        };
        writer.add(std::move(publish));
        co_return result<void>();
    }

    /// Nothing but the file's bytes is on the wire.
    [[nodiscard]] bool is_stream() const noexcept { return !t_.is_protected() && !t_.is_block_mode(); }

    portion further_portion() {
        if (is_stream() && !t_.is_ascii()) {
            portion made;
            made.pages = net::pipe::open();
            if (made.pages.capacity >= further_block) return made;
        }
        return portion(further_block);
    }

    /// Until there is something in a pipe, a block is full, or the sender has ended.
    net::task<result<void>> fill(portion& p) {
        p.size = 0;
        do {
            const std::span<char> free_space(p.data.get() + p.size, p.capacity - p.size);
            result<std::size_t> got = fail(errc::misuse);
            if (p.pages)
                got = co_await t_.data().splice_some(p.pages, t_.progress_limit());
            else
                got = co_await t_.receive(free_space);
            if (!got) co_return std::unexpected(got.error());
            p.last = *got == 0;
            p.size += *got;
            t_.count(*got);
        } while (!p.last && p.size < p.capacity);
        if (t_.is_ascii()) {
            p.text.clear();
            filter_.filter({p.data.get(), p.size}, p.text);
            if (p.last) filter_.finish(p.text);
        }
        co_return result<void>();
    }

    /// All bytes are there. From here on the upload can't be taken back. When a client dies, its system ends its connections
    /// in good order: a control connection that has ended tells that from the end of a file (DU-03). What becomes of it
    /// later is no matter.
    net::task<result<void>> finish_receiving() {
        if (t_.client_disconnected())
            co_return fail(errc::closed, "nothing was stored: the control connection ended before the data did");
        if (!t_.start_commit()) co_return fail(errc::cancelled);
        co_return co_await t_.finish_data();
    }

    // These on the pool, where a disk takes part.

    result<void> write_and_publish(const portion& last) {
        result<void> done = write(last);
        if (done) done = store_->commit();
        return done;
    }

    result<void> write(const portion& p) {
        if (p.pages) return store_->write_from(p.pages.read_end.get(), p.size);
        if (t_.is_ascii()) return store_->write(p.text);
        return store_->write({p.data.get(), p.size});
    }

    result<void> open_store(vfs::may_block wait) {
        auto opened = t_.files().open_store(path_, mode_, t_.request().offset, wait);
        if (!opened) return std::unexpected(opened.error());
        store_ = std::move(*opened);
        return {};
    }

    net::task<> discard_input() {
        if (!t_.data().is_open()) co_return;  // its end has been answered already
        std::array<char, 4096> discarded;
        const net::time_limit limit = net::time_limit::within(discard_time);
        for (;;) {
            const result<std::size_t> got = co_await t_.data().read_some(discarded, limit);
            if (!got || *got == 0) co_return;
        }
    }

    transfer& t_;
    virtual_path path_;
    vfs::store_mode mode_;
    std::unique_ptr<vfs::store_file> store_;
    proto::from_network_ascii filter_;
    bool in_memory_ = false;  // store_ waits for no disk
    bool disk_failed_ = false;
};

vfs::store_mode mode_of(const proto::transfer_request& r) noexcept {
    if (r.command == proto::verb::appe) return vfs::store_mode::append;
    if (r.command == proto::verb::stou) return vfs::store_mode::create_only;
    return r.offset > 0 ? vfs::store_mode::resume : vfs::store_mode::replace;
}

/// STOU: a name that is free, after the one that was suggested. Another upload may take it meanwhile; then commit fails.
result<virtual_path> free_name(vfs::filesystem& files, const virtual_path& suggested) {
    const result<vfs::status> found = files.stat(suggested, vfs::may_block::yes);
    if (!found && found.error().code == errc::not_found) return suggested;
    const bool is_directory = found && found->type == vfs::file_type::directory;
    const virtual_path directory = is_directory ? suggested : suggested.parent();
    const std::string stem(is_directory ? "file" : suggested.name());
    for (int i = 1; i <= unique_tries; ++i) {
        const auto path = directory.resolve(fmt::format("{}.{}", stem, i));
        if (!path) return fail(errc::name_invalid, suggested.text());
        const result<vfs::status> existing = files.stat(*path, vfs::may_block::yes);
        if (!existing && existing.error().code == errc::not_found) return *path;
    }
    return fail(errc::exists, fmt::format("{}: {} names derived from it exist as well", suggested.text(), unique_tries));
}

}  // namespace

net::task<result<proto::transfer_outcome>> upload(transfer& t) {
    const proto::transfer_request& request = t.request();
    if (t.user_account().read_only) co_return fail(errc::permission, request.path.text());
    virtual_path path = request.path;
    if (request.command == proto::verb::stou) {
        auto choose = [&t] { return free_name(t.files(), t.request().path); };
        result<virtual_path> chosen = co_await net::offload(t.shared().disk, t.loop(), std::move(choose));
        if (!chosen) co_return std::unexpected(chosen.error());
        path = std::move(*chosen);
    }
    const std::string name(path.name());
    upload_job job(t, std::move(path), mode_of(request));
    result<void> stored = co_await job.open();
    if (stored) stored = co_await t.open_data(name, {}, reply_timing::immediate);
    if (stored) stored = co_await job.receive();
    co_await job.close();
    if (!stored) co_return std::unexpected(stored.error());
    proto::transfer_outcome outcome;
    if (request.command == proto::verb::stou) outcome.note = fmt::format("Stored as {}.", name);
    co_return outcome;
}

}  // namespace sallyport::server
