#include <utility>

#include <fcntl.h>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/post.hpp>
#include <sallyport/net/descriptor.hpp>

namespace sallyport::net {

descriptor::wait_op::wait_op(descriptor& owner, deadline_wheel& wheel, int direction)
    : reactor_op({}, &wait_op::perform, &wait_op::complete),
      owner_(owner),
      deadline_(wheel, [this] { end_as(wait_end::timeout); }),
      direction_(direction) {
    cancellation_key_ = this;
}

void descriptor::wait_op::start(handler resume, deadline due) {
    resume_.emplace(std::move(resume));
    end_ = wait_end::ready;
    ec_ = {};
    deadline_.arm(due);
    starting_ = true;
    owner_.reactor_.start_op(direction_, owner_.get(), owner_.registration_, this, false, true);
    starting_ = false;
}

void descriptor::wait_op::end_as(wait_end end) {
    if (!resume_) return;
    end_ = end;
    owner_.reactor_.cancel_ops_by_key(owner_.get(), owner_.registration_, direction_, this);
}

// Asio asks once while starting, where the answer is known: the caller has just seen EAGAIN. After that it asks when the
// kernel reports an edge.
asio::detail::reactor_op::status descriptor::wait_op::perform(reactor_op* base) {
    return static_cast<wait_op*>(base)->starting_ ? not_done : done;
}

void descriptor::wait_op::complete(void* owner, asio::detail::operation* base, const boost::system::error_code&,
                                   std::size_t) {
    auto& op = *static_cast<wait_op*>(base);
    // Taken out first: whoever holds the handler holds the coroutine, and with it this object.
    auto resume = std::move(*op.resume_);
    op.resume_.reset();
    if (owner == nullptr) return;  // the loop goes down: the coroutine is destroyed, not resumed
    op.deadline_.disarm();
    const bool closed = op.ec_ == asio::error::operation_aborted && op.end_ == wait_end::ready;
    resume(closed ? wait_end::cancelled : op.end_);
}

descriptor::descriptor(loop& l, unique_fd fd)
    : reactor_(asio::use_service<reactor>(l.context())),
      fd_(std::move(fd)),
      read_(*this, l.deadlines(), reactor::read_op),
      write_(*this, l.deadlines(), reactor::write_op) {
    reactor_.init_task();
}

bool descriptor::enlist() {
    if (registration_ != nullptr || !fd_) return registration_ != nullptr;
    if (reactor_.register_descriptor(fd_.get(), registration_) == 0) return true;
    // No memory or no watches left.
    reactor_.deregister_descriptor(fd_.get(), registration_, true);
    reactor_.cleanup_descriptor_data(registration_);
    return false;
}

void descriptor::close() noexcept {
    if (!fd_) return;
    // Pending waits end as cancelled. The kernel forgets a descriptor that is closed, but not while there is another of it.
    reactor_.deregister_descriptor(fd_.get(), registration_, !duplicated_);
    reactor_.cleanup_descriptor_data(registration_);
    fd_.reset();
}

unique_fd descriptor::duplicate() {
    unique_fd other(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
    duplicated_ = duplicated_ || other;
    return other;
}

unique_fd descriptor::release() noexcept {
    reactor_.deregister_descriptor(fd_.get(), registration_, false);
    reactor_.cleanup_descriptor_data(registration_);
    return std::move(fd_);
}

task<wait_end> descriptor::wait(wait_op& op, deadline due) {
    return asio::async_initiate<const asio::use_awaitable_t<executor>&, void(wait_end)>(
        [&op, due, registered = enlist()](handler resume) {
            if (registered && due > clock::now()) return op.start(std::move(resume), due);
            const auto end = registered ? wait_end::timeout : wait_end::cancelled;
            const auto on = resume.get_executor();
            asio::post(on, [end, resume = std::move(resume)]() mutable { resume(end); });
        },
        asio::use_awaitable_t<executor>());
}

}  // namespace sallyport::net
