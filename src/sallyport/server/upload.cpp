// STOR, APPE, STOU: stores the data of a data connection in a file. The file is published only after the data is complete
// (DU-01, DU-03).
//
// The file is opened before 150 is sent. A file that fits into the first block is written and committed in one job on the
// disk's threads, or on the loop if no disk is involved. Further data are spliced from the socket to the file through pipes;
// with TLS and in TYPE A, where the bytes must be read, they pass through blocks of memory. Two pipes or blocks are used in
// turn, one being filled while the other is written, so that neither side waits for the other.
//
// A large block is leased from memory that all sessions share; without a lease, blocks are small. If the client is slow,
// what it has sent is written, and neither a block nor a pipe is held until it sends more (RX-03).

#include <algorithm>
#include <array>
#include <utility>

#include <sys/mman.h>

#include <fmt/format.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/memory_budget.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/proto/ascii_filter.hpp>
#include <sallyport/server/access_policy.hpp>
#include <sallyport/server/partial_upload.hpp>
#include <sallyport/server/transfer.hpp>
#include <sallyport/server/work_queue.hpp>
#include <sallyport/server/write_refusal.hpp>

namespace sallyport::server {
namespace {

using namespace std::chrono_literals;

// Small, since it is allocated before any data arrive.
constexpr std::size_t first_block = 32 * 1024;
constexpr std::size_t further_block = 512 * 1024;
// The number of bytes that should be available before the loop is woken: all of a small file, and enough of a large one to
// be worth writing, but not so many that the sender's window closes.
constexpr std::size_t first_watermark = 16 * 1024;
constexpr std::size_t further_watermark = 128 * 1024;
/// After a disk error, input is discarded for this long, so that the client reads the reply and not only a reset (DU-04).
constexpr auto discard_time = 1s;
constexpr int unique_tries = 1000;

/// Releases a block of memory. `mapped`: its size, if it belongs to a mapping of its own.
struct block_delete {
    std::size_t mapped = 0;
    void operator()(char* block) const noexcept {
        if (mapped > 0)
            ::munmap(block, mapped);
        else
            delete[] block;
    }
};

/// Data that are written in one piece.
struct portion {
    portion() = default;
    // One more byte precedes the data: the conversion of TYPE A may need it.
    explicit portion(std::size_t bytes) : data(new char[bytes + 1]), capacity(bytes) {}

    /// A large block. Once released, its memory belongs to the system again, and is not kept for later allocations. Empty if
    /// none is left.
    static portion leased(std::size_t bytes) {
        portion made;
        made.lease = large_buffers().take(bytes);
        if (!made.lease) return made;
        void* const memory = ::mmap(nullptr, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return {};
        made.data = {static_cast<char*>(memory), block_delete{bytes + 1}};
        made.capacity = bytes;
        return made;
    }

    // Either a pipe ...
    net::pipe pages;
    // ... or a block of memory.
    std::unique_ptr<char[], block_delete> data;
    std::size_t capacity = 0;
    std::size_t size = 0;
    // For a large block.
    memory_budget::lease lease;
    // What is written: the data, or the converted text of TYPE A.
    std::string_view text;
    // The sender has ended the data properly after this.
    bool last = false;

    [[nodiscard]] explicit operator bool() const noexcept { return pages || data; }
};

class upload_job {
public:
    upload_job(transfer& t, virtual_path path, upload_access access) : t_(t), path_(std::move(path)), access_(access) {
        if (t_.shared().config.keep_partial_uploads)
            partial_ = partial_path(*t_.user_account(), t_.request().command, t_.request().offset, path_);
    }

    /// An upload that cannot be stored is refused before 150, so that the client sends no data: missing directory, a
    /// directory of that name, no permission, an offset beyond the end.
    net::task<result<void>> open() {
        result<void> opened = open_store(vfs::may_block::no);
        in_memory_ = opened.has_value();
        if (opened || opened.error().code != errc::busy) co_return opened;
        // The old content of a file that is continued may have to be copied first.
        auto step = [this](net::deadline until) -> result<bool> {
            if (store_) return store_->prepare(until);
            const result<void> done = open_store(vfs::may_block::yes);
            if (!done) return std::unexpected(done.error());
            return store_->prepare(until);
        };
        co_return co_await t_.disk().run_in_slices(std::move(step));
    }

    net::task<result<void>> receive() {
        result<void> done = co_await receive_all();
        if (!done && disk_failed_) co_await discard_input();
        co_return done;
    }

    /// Discarding a large unpublished file takes time on the disk, so it is done on the pool. Returns the number of bytes
    /// that are kept of a file that was not published.
    net::task<std::uint64_t> close() {
        if (store_ == nullptr || (in_memory_ && t_.bytes() <= first_block)) co_return std::uint64_t{0};
        auto close = [this] {
            if (is_part_) write_rest();
            store_.reset();
            return is_part_ ? t_.files().part_size(*partial_).value_or(0) : std::uint64_t{0};
        };
        co_return co_await t_.disk().run_always(std::move(close));
    }

private:
    net::task<result<void>> receive_all() {
        if (is_stream()) t_.data().set_low_watermark(first_watermark);
        portion& first = blocks_[0];
        result<void> received = co_await fill(first, nullptr);
        if (received && first.last && in_memory_) {
            received = co_await finish_receiving();
            if (received) {
                unwritten_ = nullptr;
                received = write_and_publish(first);
            }
            co_return received;
        }
        if (!received) co_return received;
        work_queue writer(t_.shared().disk, t_.disk().loop(), t_.disk().owner());
        try {
            received = co_await write_blocks(writer);
        } catch (...) {
            net::log_exception("upload", std::current_exception());
            received = fail_without_memory();
        }
        // Wait in any case, since the jobs on the pool refer to this object.
        const result<void> written = co_await writer.wait_for_remaining(0);
        if (written) co_return received;
        disk_failed_ = true;
        co_return written;
    }

    net::task<result<void>> write_blocks(work_queue& writer) {
        if (is_stream()) t_.data().set_low_watermark(further_watermark);
        const portion* filled = &blocks_[0];
        for (std::size_t index = 1; !filled->last; index = 1 - index) {
            unwritten_ = nullptr;
            writer.add([this, filled] { return write(*filled); });
            portion& next = blocks_.at(index);
            // The previous content of `next` was added before that of the other block, so it has been written.
            result<void> done = co_await writer.wait_for_remaining(1);
            if (done && is_small(next) && fast_) next = {};
            if (done) done = co_await fill(next, &writer);
            if (!done) co_return done;
            filled = &next;
        }
        const result<void> ended = co_await finish_receiving();
        if (!ended) co_return ended;
        // Released with this job, after its outcome is known: the replaced file may be large.
        auto publish = [this, filled, published = std::unique_ptr<vfs::store_file>()]() mutable {
            const result<void> done = write_and_publish(*filled);
            if (done) published = std::move(store_);
            return done;
        };
        unwritten_ = nullptr;
        writer.add(std::move(publish));
        co_return result<void>();
    }

    /// Whether the connection carries nothing but the bytes of the file.
    [[nodiscard]] bool is_stream() const noexcept { return !t_.is_protected() && !t_.is_block_mode(); }

    [[nodiscard]] static bool is_small(const portion& p) noexcept { return !p.pages && p.capacity < further_block; }

    /// A small block at first, and for a slow client.
    portion new_portion() {
        if (!fast_) return portion(first_block);
        if (is_stream() && !t_.is_ascii()) {
            portion made;
            made.pages = net::pipe::open();
            if (made.pages.capacity >= further_block) return made;
        }
        portion made = portion::leased(further_block);
        return made ? std::move(made) : portion(first_block);
    }

    /// Reads until a pipe has data, a block is full, the sender has ended, or it is slow. `writer` writes the other block,
    /// if it has been filled.
    net::task<result<void>> fill(portion& p, work_queue* writer) {
        p.size = 0;
        p.last = false;
        unwritten_ = &p;
        do {
            if (!p) p = new_portion();
            result<std::size_t> got = fail(errc::misuse);
            if (p.pages)
                got = co_await t_.data().splice_some(p.pages, patient_limit());
            else
                got = co_await t_.receive({p.data.get() + 1 + p.size, p.capacity - p.size}, patient_limit());
            const bool slow = !got && got.error().code == errc::timeout;
            if (!got && !slow) co_return std::unexpected(got.error());
            fast_ = !slow;
            if (slow && p.size > 0) break;
            if (slow) {
                const result<void> ready = co_await wait_without_blocks(writer);
                if (!ready) co_return ready;
                continue;
            }
            p.last = *got == 0;
            p.size += *got;
            t_.count(*got);
            if (t_.rate().is_set()) co_await t_.rate().wait(*got, t_.disk().loop(), t_.disk().cancel_flag());
            if (t_.cancelled()) co_return fail(errc::cancelled);
        } while (!p || (!p.last && p.size < p.capacity));
        // A portion in a pipe has no bytes here.
        if (p.data) p.text = {p.data.get() + 1, p.size};
        if (t_.is_ascii()) p.text = filter_.filter({p.data.get(), p.size + 1}, p.last);
        co_return result<void>();
    }

    /// Until the client is slow.
    [[nodiscard]] net::time_limit patient_limit() {
        net::time_limit limit = t_.progress_limit();
        limit.total = net::clock::now() + limits::slow_peer_wait;
        return limit;
    }

    /// Waits for a slow client.
    net::task<result<void>> wait_without_blocks(work_queue* writer) {
        result<void> written;
        if (writer != nullptr) written = co_await writer->wait_for_remaining(0);
        if (!written) co_return written;
        for (portion& p : blocks_) p = {};
        co_return co_await t_.data().wait_readable(t_.progress_limit());
    }

    /// All bytes have arrived; after this the upload cannot be cancelled. If a client is killed, its system closes its
    /// connections properly, and a control connection that has ended distinguishes that from the end of a file (DU-03). It
    /// does not matter if it ends later.
    net::task<result<void>> finish_receiving() {
        if (t_.client_disconnected())
            co_return fail(errc::closed, "nothing was stored: the control connection ended before the data did");
        if (!t_.start_commit()) co_return fail(errc::cancelled);
        co_return co_await t_.finish_data();
    }

    // These run on the pool if a disk is involved.

    /// What has arrived of a part before the upload was cut off.
    void write_rest() {
        if (unwritten_ == nullptr || unwritten_->size == 0 || disk_failed_) return;
        if (unwritten_->data) unwritten_->text = {unwritten_->data.get() + 1, unwritten_->size};
        (void)write_to_store(*unwritten_);
    }

    result<void> write_and_publish(const portion& last) {
        result<void> done = write(last);
        if (done) done = store_->commit();
        return done;
    }

    result<void> write(const portion& p) {
        // Of a part, everything that has arrived is kept.
        if (t_.cancelled() && !is_part_) return fail(errc::cancelled);
        return write_to_store(p);
    }

    result<void> write_to_store(const portion& p) {
        if (p.pages) return store_->write_from(p.pages.read_end.get(), p.size);
        return store_->write(p.text);
    }

    result<void> open_store(vfs::may_block wait) {
        if (access_.must_exist) {
            const auto old = t_.files().stat(path_, wait);
            if (!old && old.error().code == errc::not_found)
                return fail(errc::permission, path_.text() + ": your account may not create files here");
            if (!old) return std::unexpected(old.error());
        }
        if (partial_) {
            if (wait == vfs::may_block::no) return fail(errc::busy);
            auto part = open_part(t_.files(), *partial_, path_, access_, t_.request());
            if (!part) return std::unexpected(part.error());
            store_ = std::move(*part);
            is_part_ = store_ != nullptr;
            if (is_part_) return {};
        }
        auto opened = t_.files().open_store(path_, access_.mode, t_.request().offset, wait);
        if (!opened) return std::unexpected(opened.error());
        store_ = std::move(*opened);
        return {};
    }

    net::task<> discard_input() {
        // Its end has been acknowledged already.
        if (!t_.data().is_open()) co_return;
        std::array<char, 4096> discarded;
        const net::time_limit limit = net::time_limit::within(discard_time);
        for (;;) {
            const result<std::size_t> got = co_await t_.data().read_some(discarded, limit);
            if (!got || *got == 0) co_return;
        }
    }

    transfer& t_;
    virtual_path path_;
    upload_access access_;
    // The name of the part of a new file; nothing: a file that is cut off is not kept.
    std::optional<virtual_path> partial_;
    // store_ is such a part.
    bool is_part_ = false;
    std::unique_ptr<vfs::store_file> store_;
    proto::from_network_ascii filter_;
    // Filled and written in turn.
    std::array<portion, 2> blocks_;
    // The one that is being filled or is full, and whose writing has not begun.
    portion* unwritten_ = nullptr;
    // The client has sent at least one small block without a long pause.
    bool fast_ = false;
    // store_ does not wait for a disk.
    bool in_memory_ = false;
    bool disk_failed_ = false;
};

/// STOU: finds a free name derived from the suggested one. If another upload takes it meanwhile, the commit fails.
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
    virtual_path path = request.path;
    auto access = check_upload(*t.user_account(), request.command, path, request.offset);
    if (!access) co_return std::unexpected(access.error());
    if (request.command == proto::verb::stou) {
        auto choose = [&t] { return free_name(t.files(), t.request().path); };
        result<virtual_path> chosen = co_await t.disk().run(std::move(choose));
        if (!chosen) co_return std::unexpected(chosen.error());
        path = std::move(*chosen);
        access = check_upload(*t.user_account(), request.command, path, request.offset);
        if (!access) co_return std::unexpected(access.error());
    }
    const std::string name(path.name());
    upload_job job(t, std::move(path), *access);
    result<void> stored = co_await job.open();
    if (stored) stored = co_await t.open_data(name, {}, reply_timing::immediate);
    if (stored) stored = co_await job.receive();
    const std::uint64_t kept = co_await job.close();
    if (!stored && kept > 0) {
        auto& what = stored.error().what;
        what += fmt::format("{}{} bytes are kept as {}.partial", what.empty() ? "" : "; ", kept, name);
    }
    if (!stored) co_return std::unexpected(with_reason_of_refusal(std::move(stored.error())));
    proto::transfer_outcome outcome;
    if (request.command == proto::verb::stou) outcome.note = fmt::format("Stored as {}.", name);
    co_return outcome;
}

}  // namespace sallyport::server
