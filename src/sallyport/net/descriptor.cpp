#include <utility>

#include <boost/asio/use_awaitable.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::net {

descriptor::descriptor(loop& l, unique_fd fd)
    : readiness_(asio::use_service<readiness>(l.context())),
      fd_(std::move(fd)),
      waiting_{.read{readiness_, l.deadlines()}, .write{readiness_, l.deadlines()}} {}

bool descriptor::enlist(bool writing) {
    if (!fd_) return false;
    if (registration_ == readiness::none) {
        registration_ = readiness_.add(fd_.get(), waiting_, writing);
        reports_writing_ = writing;
    } else if (writing && !reports_writing_) {
        readiness_.report_writing(fd_.get(), registration_);
        reports_writing_ = true;
    }
    return registration_ != readiness::none;
}

void descriptor::close() noexcept {
    if (!fd_) return;
    if (registration_ != readiness::none) readiness_.remove(fd_.get(), std::exchange(registration_, readiness::none), true);
    fd_.reset();
    waiting_.read.end_if_pending(wait_end::cancelled);
    waiting_.write.end_if_pending(wait_end::cancelled);
}

unique_fd descriptor::release() noexcept {
    if (registration_ != readiness::none) readiness_.remove(fd_.get(), std::exchange(registration_, readiness::none), false);
    waiting_.read.end_if_pending(wait_end::cancelled);
    waiting_.write.end_if_pending(wait_end::cancelled);
    return std::move(fd_);
}

task<wait_end> descriptor::readable(deadline due) { return wait(enlist(false), waiting_.read, due); }
task<wait_end> descriptor::writable(deadline due) { return wait(enlist(true), waiting_.write, due); }

task<wait_end> descriptor::wait(bool registered, readiness::waiter& who, deadline due) {
    return asio::async_initiate<const asio::use_awaitable_t<executor>&, void(wait_end)>(
        [registered, &who, due](auto resume) {
            who.begin(std::move(resume), due);
            if (!registered) who.end_as(wait_end::cancelled);
        },
        asio::use_awaitable_t<executor>());
}

}  // namespace sallyport::net
