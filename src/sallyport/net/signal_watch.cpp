#include <csignal>
#include <utility>

#include <boost/asio/basic_signal_set.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::net {

struct signal_watch::impl : std::enable_shared_from_this<impl> {
    impl(loop& l, std::move_only_function<void(int)> on_stop, std::move_only_function<void()> on_reload)
        : signals(l.get_executor(), SIGTERM, SIGINT, SIGHUP), stop(std::move(on_stop)), reload(std::move(on_reload)) {}

    void wait() {
        signals.async_wait([self = shared_from_this()](const boost::system::error_code& error, int number) {
            if (error) return;  // the watch was destroyed
            if (number != SIGHUP) {
                self->stop(number);
            } else if (self->reload) {
                self->reload();
            }
            self->wait();
        });
    }

    asio::basic_signal_set<executor> signals;
    std::move_only_function<void(int)> stop;
    std::move_only_function<void()> reload;
};

signal_watch::signal_watch(loop& l, std::move_only_function<void(int)> stop, std::move_only_function<void()> reload)
    : impl_(std::make_shared<impl>(l, std::move(stop), std::move(reload))) {
    impl_->wait();
}

signal_watch::~signal_watch() {
    boost::system::error_code ignored;
    impl_->signals.clear(ignored);
    impl_->signals.cancel(ignored);
}

}  // namespace sallyport::net
