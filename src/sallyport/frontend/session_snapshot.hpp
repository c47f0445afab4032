#pragma once
// Collects a snapshot of the sessions of all event loops, for `status` (G12). Used by the frontend only.
//
// Called on the requesting loop. Each loop reports its own sessions, and the reports are values. The loops must outlive the
// call.

#include <memory>
#include <vector>

#include <sallyport/frontend/session.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::frontend {

struct snapshot_request {
    net::loop& loop;
    std::shared_ptr<session_list> sessions;
};

/// Called on `requesting_loop`; loops may shut down meanwhile. Takes at most limits::snapshot_timeout.
net::task<status::session_snapshot> collect_snapshot(net::loop& requesting_loop, std::vector<snapshot_request> loops);

}  // namespace sallyport::frontend
