#pragma once
// What the sessions of all loops tell of themselves, for whoever runs the daemon (G12). Inside front.
// On the loop that asks; each loop tells of its own sessions, and what they tell is a value. The loops outlive the question.

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

/// On `here`; the loops may go down meanwhile. No longer than limits::snapshot_timeout.
net::task<status::session_snapshot> collect_snapshot(net::loop& requesting_loop, std::vector<snapshot_request> loops);

}  // namespace sallyport::frontend
