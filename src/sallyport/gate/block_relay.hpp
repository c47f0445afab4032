#pragma once
// The bytes of one transfer between a client in stream mode and a backend in MODE B (RFC 959 section 3.4.2): what
// net::relay() is where nobody has to look at the bytes. A broken sender is never taken for the end of its file.

#include <sallyport/net/relay_pump.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::gate {

/// The client's connection is `a`, the backend's `b`. What is complete leaves the backend's connection ready for the next
/// file; after a failure both are to be aborted. `may_end` as in net::relay(), of an upload. Loop thread only; all that is
/// referred to must outlive it.
net::task<net::relay_outcome> relay_blocks(net::stream& client, net::stream& backend, net::time_limit limit,
                                           net::relay_counts& counts, net::relay_flow flow, net::end_check may_end = {});

}  // namespace sallyport::gate
