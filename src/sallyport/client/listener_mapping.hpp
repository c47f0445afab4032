#pragma once
// Makes the listening port of active mode reachable for the server, where a NAT router has to forward it. An interface: the
// caller of a connection owns the object, which outlives the connection; on the thread of its loop.

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::client {

class listener_mapping {
public:
    listener_mapping() = default;
    listener_mapping(const listener_mapping&) = delete;
    listener_mapping& operator=(const listener_mapping&) = delete;
    virtual ~listener_mapping() = default;

    /// The endpoint to send in PORT or EPRT for a listener at `local`, which the server at `server` will connect to. An
    /// error excludes the data method.
    virtual net::task<result<endpoint>> open(endpoint local, ip_address server, net::time_limit limit) = 0;
    /// After the transfer, whether or not anything was opened.
    virtual net::task<> close() = 0;
};

}  // namespace sallyport::client
