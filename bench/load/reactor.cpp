#include <load/reactor.hpp>

#include <array>
#include <cerrno>

#include <sys/epoll.h>

namespace sallyport::load {
namespace {

std::uint64_t pack(int fd, std::uint32_t generation) {
    return (std::uint64_t{generation} << 32) | static_cast<std::uint32_t>(fd);
}

void wake(std::coroutine_handle<>& waiting) {
    if (waiting) std::exchange(waiting, {}).resume();
}

}  // namespace

reactor::reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

result<void> reactor::watch(int fd, readiness& state) {
    const auto index = static_cast<std::size_t>(fd);
    if (slots_.size() <= index) slots_.resize(index * 2 + 16);
    auto& entry = slots_[index];
    entry.state = &state;
    ++entry.generation;
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    wanted.data.u64 = pack(fd, entry.generation);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0) return fail_os(errno, "epoll_ctl");
    return {};
}

void reactor::unwatch(int fd) noexcept { slots_[static_cast<std::size_t>(fd)].state = nullptr; }

bool reactor::turn(std::chrono::milliseconds timeout) {
    std::array<epoll_event, 256> events;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(timeout.count()));
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        const auto index = static_cast<std::size_t>(event.data.u64 & 0xffffffffU);
        const auto generation = static_cast<std::uint32_t>(event.data.u64 >> 32);
        const auto current = [&]() -> readiness* {
            return slots_[index].generation == generation ? slots_[index].state : nullptr;
        };
        auto* state = current();
        if (state == nullptr) continue;
        const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        if (broken || (event.events & EPOLLRDHUP) != 0) state->peer_closed = true;
        if (broken || (event.events & EPOLLOUT) != 0) state->writable = true;
        if (broken || (event.events & (EPOLLIN | EPOLLRDHUP)) != 0) state->readable = true;
        if (state->readable) wake(state->reader);
        state = current();  // the reader may have closed it
        if (state != nullptr && state->writable) wake(state->writer);
    }
    return count > 0;
}

}  // namespace sallyport::load
