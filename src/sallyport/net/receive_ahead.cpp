#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include <sys/socket.h>
#include <sallyport/net/offload.hpp>
#include <sallyport/net/receive_ahead.hpp>
#include <sallyport/net/stream_state.hpp>

namespace sallyport::net {
namespace {

// One is not enough: the thread shares its core with others and now and then comes late.
constexpr std::size_t most = 2;

/// One core is left to the loop. Never waited for at the end: what the threads are at belongs to nobody then.
class crew {
public:
    crew() : free_(std::max<std::size_t>(default_loop_count(), 2) - 1), threads_(free_) {}

    [[nodiscard]] bool take_one() {
        auto n = free_.load();
        while (n > 0 && !free_.compare_exchange_weak(n, n - 1)) {
        }
        return n > 0;
    }
    void give_back() { ++free_; }
    worker_pool& threads() { return threads_; }

private:
    std::atomic<std::size_t> free_;
    worker_pool threads_;
};

crew& helpers() {
    static auto& all = *new crew;
    return all;
}

}  // namespace

bool received::goes_on() const noexcept { return !ended && (os == 0 || os == EAGAIN); }

received receive(int socket, std::span<char> into) {
    received got;
    while (got.size < into.size()) {
        const auto n = ::recv(socket, into.data() + got.size, into.size() - got.size, 0);
        got.ended = n == 0;
        if (n < 0) got.os = errno;
        if (n <= 0) break;
        got.size += static_cast<std::size_t>(n);
    }
    return got;
}

struct receive_ahead::shared {
    enum class stage : std::uint8_t {
        at_rest,
        offered,  // as long as no thread has taken it up, the loop may take it back
        at_work,
    };
    struct piece {
        std::unique_ptr<char[]> memory;
        received got;
    };

    void work(const std::weak_ptr<event>& changed);
    received take(std::unique_ptr<char[]>& into);

    unique_fd socket;
    std::size_t room = 0;
    std::shared_ptr<mailbox> home;
    std::mutex mutex;  // for all below, except the one piece that the thread is at
    std::array<piece, most> ring;
    std::size_t first = 0;
    std::size_t count = 0;
    stage now = stage::at_rest;
    bool queued = false;  // work() is to be called
    bool awaited = false;
};

void receive_ahead::shared::work(const std::weak_ptr<event>& changed) {
    std::unique_lock lock(mutex);
    queued = false;
    if (now != stage::offered) return;
    now = stage::at_work;
    while (now == stage::at_work) {
        auto& next = ring.at((first + count) % most);
        lock.unlock();
        next.got = receive(socket.get(), {next.memory.get(), room});
        lock.lock();
        if (next.got.size > 0 || !next.got.goes_on()) ++count;
        if (next.got.size < room || count == most) now = stage::at_rest;
        if (!std::exchange(awaited, false)) continue;
        home->post([changed] {
            if (const auto waiter = changed.lock()) waiter->set();
        });
    }
}

/// REQUIRES: the mutex is held; there is a piece, or the thread is not at work.
received receive_ahead::shared::take(std::unique_ptr<char[]>& into) {
    received got;
    if (count > 0) {
        auto& oldest = ring.at(first);
        first = (first + 1) % most;
        --count;
        std::swap(into, oldest.memory);
        got = oldest.got;
    }
    if (count > 0 || now == stage::at_work || got.size == room || !got.goes_on()) return got;
    now = stage::at_rest;
    const auto rest = receive(socket.get(), {into.get() + got.size, room - got.size});
    return {.size = got.size + rest.size, .ended = rest.ended, .os = rest.os};
}

std::unique_ptr<receive_ahead> receive_ahead::of(const stream& from, std::size_t size) {
    if (!from.is_open() || !helpers().take_one()) return nullptr;
    auto work = std::make_shared<shared>();
    work->room = size;
    work->home = from.owner().mail();
    for (auto& each : work->ring) each.memory = std::make_unique_for_overwrite<char[]>(size);
    // Under a number of its own: whatever becomes of the stream, the thread can't come upon another connection.
    work->socket = state_of(from)->socket.duplicate();
    std::unique_ptr<receive_ahead> made(new receive_ahead(from.owner(), std::move(work)));
    return made->shared_->socket ? std::move(made) : nullptr;
}

receive_ahead::receive_ahead(loop& l, std::shared_ptr<shared> work)
    : shared_(std::move(work)), changed_(std::make_shared<event>(l)) {}

receive_ahead::~receive_ahead() {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->now == shared::stage::offered) shared_->now = shared::stage::at_rest;
    }
    helpers().give_back();
}

void receive_ahead::begin() {
    {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->now != shared::stage::at_rest || shared_->count == most) return;
        shared_->now = shared::stage::offered;
        // What was taken back still stands in the queue, and does for this time too.
        if (std::exchange(shared_->queued, true)) return;
    }
    helpers().threads().submit([s = shared_, changed = std::weak_ptr(changed_)] { s->work(changed); });
}

task<received> receive_ahead::next(std::unique_ptr<char[]>& piece) {
    for (;;) {
        {
            const std::lock_guard lock(shared_->mutex);
            if (shared_->count > 0 || shared_->now != shared::stage::at_work) co_return shared_->take(piece);
            shared_->awaited = true;
        }
        co_await changed_->wait(deadline::max());
        changed_->clear();
    }
}

bool receive_ahead::at_rest() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->count == 0 && shared_->now == shared::stage::at_rest;
}

}  // namespace sallyport::net
