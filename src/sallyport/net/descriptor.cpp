#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include <boost/asio/use_awaitable.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::net {

descriptor::descriptor(loop& l, unique_fd fd)
    : readiness_(asio::use_service<readiness>(l.context())),
      fd_(std::move(fd)),
      waiting_{.read{readiness_, l.deadlines()}, .write{readiness_, l.deadlines()}} {}

bool descriptor::ensure_registered(bool writing) {
    if (!fd_) return false;
    if (registration_ == readiness::none) {
        registration_ = readiness_.add(fd_.get(), waiting_, writing);
        reports_writing_ = writing;
    } else if (writing && !reports_writing_) {
        reports_writing_ = readiness_.report_writing(fd_.get(), registration_);
        // A wait would last until its deadline, which not every wait has.
        return reports_writing_;
    }
    return registration_ != readiness::none;
}

void descriptor::close() noexcept {
    if (!fd_) return;
    if (registration_ != readiness::none) readiness_.remove(fd_.get(), std::exchange(registration_, readiness::none), true);
    fd_.reset();
    waiting_.read.end_wait_if_pending(wait_result::cancelled);
    waiting_.write.end_wait_if_pending(wait_result::cancelled);
}

unique_fd descriptor::release() noexcept {
    if (registration_ != readiness::none) readiness_.remove(fd_.get(), std::exchange(registration_, readiness::none), false);
    waiting_.read.end_wait_if_pending(wait_result::cancelled);
    waiting_.write.end_wait_if_pending(wait_result::cancelled);
    return std::move(fd_);
}

// A read that returns less than it could has emptied the socket; what arrives later is reported as an event of its own,
// since the registration is edge-triggered (epoll(7), question 9).
ssize_t descriptor::receive(std::span<char> into) noexcept {
    if (waiting_.emptied) {
        errno = EAGAIN;
        return -1;
    }
    const auto n = ::recv(fd_.get(), into.data(), into.size(), 0);
    waiting_.emptied = n > 0 && static_cast<std::size_t>(n) < into.size() && !waiting_.may_read_short;
    return n;
}

task<wait_result> descriptor::readable(deadline until) { return wait(ensure_registered(false), waiting_.read, until); }
task<wait_result> descriptor::writable(deadline until) { return wait(ensure_registered(true), waiting_.write, until); }

task<wait_result> descriptor::wait(bool registered, readiness::waiter& direction, deadline until) {
    return asio::async_initiate<const asio::use_awaitable_t<executor>&, void(wait_result)>(
        [this, registered, &direction, until](auto resume) {
            const use_memory_reserve reserve;
            // After a wait the system call is tried, whatever its end (decision 8).
            waiting_.emptied = false;
            direction.start(std::move(resume), until);
            if (!registered) direction.end_wait(wait_result::cancelled);
        },
        asio::use_awaitable_t<executor>());
}

}  // namespace sallyport::net
