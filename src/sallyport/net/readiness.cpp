#include <sallyport/net/readiness.hpp>

#include <array>
#include <span>
#include <utility>

#include <sys/epoll.h>
#include <boost/asio/post.hpp>
#include <sallyport/base/at_exit.hpp>
#include <sallyport/base/memory_reserve.hpp>

namespace sallyport::net {
namespace {

// If several descriptors are ready at a time, more of them usually are when the handlers have run. They are handled at once,
// with one system call instead of three, but for a limited number of rounds, as the loop has other work too.
constexpr int max_rounds = 8;
constexpr std::uint32_t reading = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t writing_too = reading | EPOLLOUT;

}  // namespace

readiness::waiter::waiter(readiness& owner, deadline_wheel& wheel)
    : owner_(owner), deadline_(wheel, [this] { end_wait(wait_result::timeout); }) {}

void readiness::waiter::start(handler resume, deadline until) {
    resume_ = std::move(resume);
    note_ = work_note::take();
    end_ = wait_result::ready;
    started_late_ = until <= clock::now();
    if (!started_late_) return deadline_.arm(until);
    end_wait(wait_result::timeout);
}

void readiness::waiter::end_wait(wait_result end) {
    if (!resume_) return;
    if (is_linked()) {
        // The loop was delayed. An interruption is requested once, and an event is reported once, so a deadline hides
        // neither of them: a caller that waits again would wait for ever. But a peer that sends all the time must not move a
        // deadline that had passed before the wait.
        const bool hidden = end == wait_result::ready && end_ == wait_result::timeout && !started_late_;
        if (hidden || end == wait_result::cancelled) end_ = end;
        return;
    }
    end_ = end;
    owner_.ended_.push_back(*this);
    owner_.resume_soon();
}

void readiness::waiter::end_wait_if_pending(wait_result end) {
    if (!is_linked()) end_wait(end);
}

void readiness::waiter::call_handler() {
    deadline_.disarm();
    // Moved out first: the handler owns the coroutine, and with it this object.
    const auto end = end_;
    auto resume = std::exchange(resume_, nullptr);
    note_.set();
    resume(end);
    work_note().set();
}

readiness::readiness(asio::io_context& owner) : service(owner), on_(owner.get_executor()), epoll_(on_) {
    // Without the epoll instance each add() fails.
    boost::system::error_code failed;
    epoll_.assign(::epoll_create1(EPOLL_CLOEXEC), failed);
}

readiness::registration_id readiness::add(int fd, directions& waiting, bool writing) {
    std::uint32_t index = 0;
    if (free_slots_.empty()) {
        index = static_cast<std::uint32_t>(slots_.size());
        // So that remove() cannot fail.
        if (free_slots_.capacity() <= slots_.size()) free_slots_.reserve(2 * (slots_.size() + 1));
        slots_.emplace_back();
    } else {
        index = free_slots_.back();
        free_slots_.pop_back();
    }
    auto& used = slots_[index];
    epoll_event event{};
    event.events = writing ? writing_too : reading;
    event.data.u64 = registration_id{used.generation} << 32U | index;
    if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0) {
        free_slots_.push_back(index);
        return none;
    }
    used.waiting = &waiting;
    if (!watching_) watch();
    return event.data.u64;
}

bool readiness::report_writing(int fd, registration_id known) {
    epoll_event event{};
    event.events = writing_too;
    event.data.u64 = known;
    return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_MOD, fd, &event) == 0;
}

void readiness::remove(int fd, registration_id known, bool closing) noexcept {
    if (!closing && epoll_.is_open()) ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
    const auto index = static_cast<std::uint32_t>(known);
    auto& released = slots_[index];
    released.waiting = nullptr;
    ++released.generation;
    free_slots_.push_back(index);
}

// Called after the handlers: descriptors that became ready meanwhile are reported at once, as the wait rearms the epoll
// instance.
void readiness::watch() {
    watching_ = true;
    const use_memory_reserve reserve;
    epoll_.async_wait(asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& failed) {
        // The loop is being destroyed.
        if (failed) return;
        const at_exit rearm([this] { watch(); });
        for (int round = 0, reported = 2; round < max_rounds && reported > 1; ++round) {
            reported = read_events();
            resume_all();
        }
    });
}

// Calls no handlers, so no reported descriptor can be destroyed meanwhile. An event without a waiter is dropped, as the next
// caller tries its system call before it waits (directions::emptied is false then).
int readiness::read_events() {
    std::array<epoll_event, 128> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), int{events.size()}, 0);
    if (count <= 0) return 0;
    // resume_all() follows.
    scheduled_ = true;
    for (const auto& event : std::span(events).first(static_cast<std::size_t>(count))) {
        const auto& reported = slots_[static_cast<std::uint32_t>(event.data.u64)];
        if (reported.waiting == nullptr || reported.generation != event.data.u64 >> 32U) continue;
        reported.waiting->emptied = false;
        if ((event.events & (EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0) reported.waiting->may_read_short = true;
        if ((event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) reported.waiting->read.end_wait(wait_result::ready);
        if ((event.events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) reported.waiting->write.end_wait(wait_result::ready);
    }
    return count;
}

/// Waits that end meanwhile are resumed the next time, so that other work of the loop runs in between.
void readiness::resume_all() {
    scheduled_ = false;
    waiters now;
    now.swap(ended_);
    const at_exit rest([&] {
        ended_.splice(ended_.begin(), now);
        if (!ended_.empty()) resume_soon();
    });
    while (!now.empty()) {
        auto& first = now.front();
        now.pop_front();
        first.call_handler();
    }
}

void readiness::resume_soon() {
    if (std::exchange(scheduled_, true)) return;
    const use_memory_reserve reserve;
    asio::post(on_, [this] { resume_all(); });
}

void readiness::shutdown() {
    // The handlers own the coroutines, and these own the descriptors: all are moved out before any is destroyed. Asio needs
    // memory to destroy a coroutine.
    const use_memory_reserve reserve;
    std::vector<handler> dropped;
    const auto drop = [&dropped](waiter& each) { dropped.push_back(std::exchange(each.resume_, nullptr)); };
    for (const auto& each : slots_) {
        if (each.waiting == nullptr) continue;
        drop(each.waiting->read);
        drop(each.waiting->write);
    }
    for (auto& each : ended_) drop(each);
    boost::system::error_code ignored;
    epoll_.close(ignored);
}

}  // namespace sallyport::net
