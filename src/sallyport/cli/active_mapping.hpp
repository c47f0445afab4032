#pragma once
// Active mode with --map: the mapping at the router for the session of a client command, which also ends if a signal ends
// the command. Owned by the function that runs the session, on the thread of its loop, which outlives it.

#include <memory>

#include <sallyport/client/listener_mapping.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/router_mapping.hpp>

namespace sallyport::cli {

class active_mapping {
public:
    active_mapping(net::loop& loop, reach::mapping_settings settings);

    [[nodiscard]] const std::shared_ptr<client::listener_mapping>& listener() const noexcept { return listener_; }

private:
    std::shared_ptr<client::listener_mapping> listener_;
    net::signal_watch watch_;
};

}  // namespace sallyport::cli
