#include <sallyport/reach/port_reservation.hpp>

#include <utility>

#include <fmt/format.h>
#include <sallyport/base/memory_reserve.hpp>

#include <sallyport/base/limits.hpp>

namespace sallyport::reach {

void pending_connection::deliver(net::accepted_connection connection) {
    if (loop_.get_executor().running_in_this_thread()) return set_connection(std::move(connection));
    loop_.post([self = shared_from_this(), connection = std::move(connection)]() mutable {
        self->set_connection(std::move(connection));
    });
}

void pending_connection::fail_with(error reason) {
    loop_.post([self = shared_from_this(), reason = std::move(reason)]() mutable {
        if (!self->connections_.empty() || self->handed_out_) return;
        self->error_ = std::move(reason);
        self->changed_.set();
    });
}

void pending_connection::set_connection(net::accepted_connection connection) {
    if (cancelled_) return;
    if (delivered_ == 0) {
        arrived_after_ = net::clock::now() - since;
        status::count(counters_.openings_used);
    }
    if (++delivered_ > limits::max_held_data_connections)
        overflowed_ = true;
    else
        connections_.push_back(std::move(connection));
    changed_.set();
}

std::optional<net::accepted_connection> pending_connection::take() {
    if (connections_.empty()) return std::nullopt;
    std::optional<net::accepted_connection> next = std::move(connections_.front());
    connections_.pop_front();
    return next;
}

net::task<result<net::accepted_connection>> pending_connection::wait(std::shared_ptr<pending_connection> self,
                                                                     net::time_limit limit) {
    if (self->handed_out_) co_return fail(errc::misuse, "the data connection was delivered already");
    if (!self->changed_.is_set()) co_await self->changed_.wait(limit.next(net::clock::now()));
    if (auto connection = self->take()) {
        self->handed_out_ = true;
        co_return std::move(*connection);
    }
    if (self->cancelled_) co_return fail(errc::cancelled, "the wait for the data connection was cancelled");
    self->stop_accepting();
    if (self->error_) co_return std::unexpected(*self->error_);
    co_return fail(errc::timeout, fmt::format("no data connection arrived from {} on port {} within the time limit",
                                              self->params.client.text(), self->params.port));
}

void pending_connection::cancel() {
    cancelled_ = true;
    connections_.clear();
    stop_accepting();
    changed_.set();
}

/// One that the kernel forwards is counted where its opening ends.
void pending_connection::count_end() noexcept {
    if (delivered_ == 0 && !is_forwarded()) status::count(counters_.openings_expired);
}

port_reservation::~port_reservation() { release(); }

port_reservation& port_reservation::operator=(port_reservation&& other) noexcept {
    if (this == &other) return *this;
    release();
    pending_ = std::move(other.pending_);
    return *this;
}

// Called by destructors, which must not throw.
void port_reservation::release() {
    if (!pending_) return;
    const use_memory_reserve reserve;
    pending_->count_end();
    pending_->cancel();
    pending_->release();
}

net::task<result<net::accepted_connection>> port_reservation::wait(net::time_limit limit) {
    return pending_connection::wait(pending_, limit);
}

std::optional<net::accepted_connection> port_reservation::take() { return pending_->take(); }

void port_reservation::cancel() noexcept {
    const use_memory_reserve reserve;
    pending_->cancel();
}

}  // namespace sallyport::reach
