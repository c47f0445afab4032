#pragma once
// Sessions that hold a place at a backend and have not said USER yet. Where a backend has no room for who comes, the one
// among them that has been silent longest gives up its place (G7): otherwise as many silent connections as the backend takes
// sessions keep everybody out.
//
// Any thread. No clock: the time comes in. It must outlive its members.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <sallyport/gate/pool.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

class silent_sessions {
    struct entry;

public:
    /// One session's membership; it ends with this.
    class member {
    public:
        member() noexcept = default;
        ~member() { end(); }
        member(member&& other) noexcept = default;
        member& operator=(member&& other) noexcept;

        [[nodiscard]] explicit operator bool() const noexcept { return entry_ != nullptr; }
        /// Its client has said something.
        void heard(net::deadline now);

    private:
        friend class silent_sessions;
        member(silent_sessions& in, std::shared_ptr<entry> e) noexcept : in_(&in), entry_(std::move(e)) {}
        void end() noexcept;
        silent_sessions* in_ = nullptr;
        std::shared_ptr<entry> entry_;
    };

    /// `leave` is called once at most, from any thread and under a lock: it may only pass the word on.
    [[nodiscard]] member join(backend_id at, net::deadline now, std::function<void()> leave);

    struct answer {
        bool asked = false;
        net::deadline next = net::deadline::max();  // when it is worth to ask again
    };
    /// Asks one session at one of these backends to leave.
    [[nodiscard]] answer ask(const std::vector<backend_id>& at, net::deadline now);

private:
    struct entry {
        backend_id at = 0;
        net::deadline since;
        std::function<void()> leave;
        bool asked = false;
    };
    using queue = std::set<std::pair<net::deadline, entry*>>;

    void erase(entry& e);

    std::mutex mutex_;
    std::map<backend_id, queue> by_backend_;  // who was not asked yet
};

}  // namespace sallyport::gate
