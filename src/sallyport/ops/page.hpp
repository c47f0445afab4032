#pragma once
// The web page of a daemon: its sessions, transfers, openings, backends and failures, for a browser. It only shows: there is
// no request that changes anything. Who may see it is decided by page_access.hpp; its files are part of the program
// (ops/page/), and it loads nothing from elsewhere.
//
// The sessions are collected at most once a second, however many browsers ask. Owned by the daemon through a shared pointer;
// used on one loop. What it refers to must outlive it.

#include <memory>
#include <optional>
#include <string>

#include <sallyport/net/loop.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/ops/control.hpp>
#include <sallyport/ops/http_message.hpp>
#include <sallyport/ops/page_access.hpp>
#include <sallyport/status/rate_history.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::ops {

class page {
public:
    /// `pool`: for texts of some megabytes, and to check passwords. `accepts`: empty where all clients may see the page.
    page(net::loop& loop, net::worker_pool& pool, std::shared_ptr<status_source> from, password_check accepts);

    [[nodiscard]] static net::task<http_answer> answer(std::shared_ptr<page> self, http_request asked);
    /// Adds to the rates of the last hour, without an end.
    [[nodiscard]] static net::task<> keep_rates(std::shared_ptr<page> self);

private:
    struct collected_sessions {
        status::session_snapshot sessions;
        net::clock::time_point at;
    };

    [[nodiscard]] static net::task<std::shared_ptr<const collected_sessions>> collect(std::shared_ptr<page> self);
    [[nodiscard]] static net::task<http_answer> answer_status(std::shared_ptr<page> self, std::string target);

    net::loop& loop_;
    net::worker_pool& pool_;
    const std::shared_ptr<status_source> from_;
    const std::shared_ptr<page_access> access_;
    status::rate_history rates_;
    std::shared_ptr<const collected_sessions> collected_;
    bool is_collecting_ = false;
};

}  // namespace sallyport::ops
