#include <csignal>
#include <utility>

#include <boost/asio/basic_signal_set.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

struct signal_watch::impl : std::enable_shared_from_this<impl> {
    impl(loop& l, signal_actions a) : signals(l.get_executor(), SIGTERM, SIGINT, SIGHUP), actions(std::move(a)) {
        signals.add(SIGUSR1);
        signals.add(SIGUSR2);
    }

    void wait() {
        const use_memory_reserve reserve;
        signals.async_wait([self = shared_from_this()](const boost::system::error_code& error, int number) {
            // The watch was destroyed.
            if (error) return;
            // First, as an action may throw.
            self->wait();
            self->act(number);
        });
    }

    void act(int number) {
        auto& a = actions;
        if (number == SIGTERM || number == SIGINT) return a.stop(number);
        auto& action = number == SIGHUP ? a.reload : number == SIGUSR1 ? a.rotate : a.restart;
        if (action) action();
    }

    asio::basic_signal_set<executor> signals;
    signal_actions actions;
};

signal_watch::signal_watch(loop& l, signal_actions actions) : impl_(std::make_shared<impl>(l, std::move(actions))) {
    impl_->wait();
}

signal_watch::~signal_watch() {
    boost::system::error_code ignored;
    impl_->signals.clear(ignored);
    impl_->signals.cancel(ignored);
}

}  // namespace sallyport::net
