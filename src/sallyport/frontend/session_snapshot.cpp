// Collects the reports of all sessions in batches and without a lock: each loop reads its own sessions.

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/frontend/session_snapshot.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::frontend {
namespace {

/// The state of one snapshot. Everything except `requesting_loop` is used on the requesting loop only. A loop that is
/// shutting down may keep it longer than the call takes.
struct snapshot_progress {
    net::loop& requesting_loop;
    std::weak_ptr<net::event> all_reported;
    // The number of loops that have not reported yet.
    std::size_t loops_remaining = 0;
    std::vector<status::session_report> reports;
};

/// Runs on the loop whose sessions are collected.
void collect_from_loop(std::shared_ptr<snapshot_progress> progress, net::loop& loop, std::shared_ptr<session_list> list,
                       std::size_t from, std::vector<status::session_report> found) {
    from = list->describe_batch(from, found);
    if (from > 0) {
        loop.post([progress = std::move(progress), &loop, list = std::move(list), from, found = std::move(found)]() mutable {
            collect_from_loop(std::move(progress), loop, std::move(list), from, std::move(found));
        });
        return;
    }
    net::loop& requesting_loop = progress->requesting_loop;
    requesting_loop.post([progress = std::move(progress), found = std::move(found)]() mutable {
        std::ranges::move(found, std::back_inserter(progress->reports));
        if (--progress->loops_remaining > 0) return;
        if (const auto waiting = progress->all_reported.lock()) waiting->set();
    });
}

}  // namespace

net::task<status::session_snapshot> collect_snapshot(net::loop& requesting_loop, std::vector<snapshot_request> loops) {
    const auto all_reported = std::make_shared<net::event>(requesting_loop);
    const auto progress = std::make_shared<snapshot_progress>(requesting_loop, all_reported, loops.size());
    for (auto& l : loops) {
        l.loop.post([progress = progress, &loop = l.loop, list = std::move(l.sessions)]() mutable {
            const std::size_t all = list->size();
            collect_from_loop(std::move(progress), loop, std::move(list), all, {});
        });
    }
    const bool complete = co_await all_reported->wait(net::clock::now() + limits::snapshot_timeout);
    status::session_snapshot out{.sessions = std::move(progress->reports), .complete = complete};
    // A session that changed its index meanwhile may have been reported twice.
    std::ranges::sort(out.sessions, {}, &status::session_report::id);
    const auto twice = std::ranges::unique(out.sessions, {}, &status::session_report::id);
    out.sessions.erase(twice.begin(), twice.end());
    co_return out;
}

}  // namespace sallyport::frontend
