// Asking the sessions of all loops what they do, in steps, without a lock: each loop looks at its own.

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include <sallyport/base/limits.hpp>
#include <sallyport/front/survey.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::front {
namespace {

/// One survey; all but `home` belongs to the loop that asked. A loop that goes down may keep it for longer than that.
struct inquiry {
    net::loop& home;
    std::weak_ptr<net::event> all_told;
    // Loops that have not told yet.
    std::size_t open = 0;
    std::vector<status::session_report> told;
};

/// On a loop that is asked.
void ask(std::shared_ptr<inquiry> what, net::loop& here, std::shared_ptr<roster> list, std::size_t from,
         std::vector<status::session_report> found) {
    from = list->describe(from, found);
    if (from > 0) {
        here.post([what = std::move(what), &here, list = std::move(list), from, found = std::move(found)]() mutable {
            ask(std::move(what), here, std::move(list), from, std::move(found));
        });
        return;
    }
    net::loop& home = what->home;
    home.post([what = std::move(what), found = std::move(found)]() mutable {
        std::ranges::move(found, std::back_inserter(what->told));
        if (--what->open > 0) return;
        if (const auto waiting = what->all_told.lock()) waiting->set();
    });
}

}  // namespace

net::task<status::session_survey> survey(net::loop& here, std::vector<surveyed> loops) {
    const auto all_told = std::make_shared<net::event>(here);
    const auto what = std::make_shared<inquiry>(here, all_told, loops.size());
    for (auto& l : loops) {
        l.where.post([what = what, &where = l.where, list = std::move(l.list)]() mutable {
            const std::size_t all = list->size();
            ask(std::move(what), where, std::move(list), all, {});
        });
    }
    const bool complete = co_await all_told->wait(net::clock::now() + limits::survey_wait);
    status::session_survey out{.sessions = std::move(what->told), .complete = complete};
    // Who moved to another place while it was looked for may have been asked twice.
    std::ranges::sort(out.sessions, {}, &status::session_report::id);
    const auto twice = std::ranges::unique(out.sessions, {}, &status::session_report::id);
    out.sessions.erase(twice.begin(), twice.end());
    co_return out;
}

}  // namespace sallyport::front
