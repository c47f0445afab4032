#include <sallyport/cli/active_mapping.hpp>

#include <csignal>
#include <utility>

#include <sallyport/cli/site_run.hpp>
#include <sallyport/client/router_listener.hpp>

namespace sallyport::cli {
namespace {

using shared_listener = std::shared_ptr<client::listener_mapping>;

/// Ends the mapping, then the process as the signal would have ended it.
net::task<> end_and_raise(shared_listener listener, int signal) {
    co_await listener->close();
    end_by_signal(signal);
}

net::signal_actions actions(net::loop& loop, const shared_listener& listener) {
    const auto end = [&loop, listener](int signal) {
        loop.spawn("ending the port mapping", end_and_raise(listener, signal));
    };
    return {.stop = end, .reload = [end] { end(SIGHUP); }, .rotate = {}, .restart = {}};
}

}  // namespace

active_mapping::active_mapping(net::loop& loop, reach::mapping_settings settings)
    : listener_(std::make_shared<client::router_listener>(loop, std::move(settings))),
      watch_(loop, actions(loop, listener_)) {}

}  // namespace sallyport::cli
