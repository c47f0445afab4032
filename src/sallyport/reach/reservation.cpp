#include <sallyport/reach/reservation.hpp>

#include <utility>

#include <fmt/format.h>

namespace sallyport::reach {

void promise::bring(net::accepted connection) {
    if (home_.get_executor().running_in_this_thread()) return arrive(std::move(connection));
    home_.post(
        [self = shared_from_this(), connection = std::move(connection)]() mutable { self->arrive(std::move(connection)); });
}

void promise::refuse(error why) {
    home_.post([self = shared_from_this(), why = std::move(why)]() mutable {
        if (self->arrived_ || self->handed_out_) return;
        self->refused_ = std::move(why);
        self->changed_.set();
    });
}

void promise::arrive(net::accepted connection) {
    if (cancelled_) return;
    arrived_ = std::move(connection);
    changed_.set();
}

net::task<result<net::accepted>> promise::wait(std::shared_ptr<promise> self, net::time_limit limit) {
    if (self->handed_out_) co_return fail(errc::misuse, "the data connection was handed out already");
    if (!self->changed_.is_set()) co_await self->changed_.wait(limit.next(net::clock::now()));
    if (self->arrived_) {
        self->handed_out_ = true;
        result<net::accepted> connection = std::move(*self->arrived_);
        self->arrived_.reset();
        co_return connection;
    }
    if (self->cancelled_) co_return fail(errc::cancelled, "the wait for the data connection was given up");
    self->withdraw();
    if (self->refused_) co_return std::unexpected(*self->refused_);
    co_return fail(errc::timeout, fmt::format("no data connection came from {} to port {} in time", self->what.client.text(),
                                              self->what.port));
}

void promise::cancel() {
    cancelled_ = true;
    arrived_.reset();
    withdraw();
    changed_.set();
}

reservation::~reservation() { release(); }

reservation& reservation::operator=(reservation&& other) noexcept {
    if (this == &other) return *this;
    release();
    promise_ = std::move(other.promise_);
    return *this;
}

void reservation::release() {
    if (!promise_) return;
    promise_->cancel();
    promise_->end();
}

net::task<result<net::accepted>> reservation::wait(net::time_limit limit) { return promise::wait(promise_, limit); }

void reservation::cancel() noexcept { promise_->cancel(); }

}  // namespace sallyport::reach
