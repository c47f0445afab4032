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

class sessions_without_user {
    struct waiting_session;

public:
    /// One session's membership; it ends with this.
    class registration {
    public:
        registration() noexcept = default;
        ~registration() { end(); }
        registration(registration&& other) noexcept = default;
        registration& operator=(registration&& other) noexcept;

        [[nodiscard]] explicit operator bool() const noexcept { return session_ != nullptr; }
        /// Its client has said something.
        void command_received(net::deadline now);

    private:
        friend class sessions_without_user;
        registration(sessions_without_user& in, std::shared_ptr<waiting_session> e) noexcept
            : owner_(&in), session_(std::move(e)) {}
        void end() noexcept;
        sessions_without_user* owner_ = nullptr;
        std::shared_ptr<waiting_session> session_;
    };

    /// `leave` is called once at most, from any thread and under a lock: it may only pass the word on.
    [[nodiscard]] registration add(backend_id backend, net::deadline now, std::function<void()> end_session);

    struct slot_request {
        bool requested = false;
        net::deadline next_attempt = net::deadline::max();  // when it is worth to ask again
    };
    /// Asks one session at one of these backends to leave.
    [[nodiscard]] slot_request request_slot(const std::vector<backend_id>& backends, net::deadline now);

private:
    struct waiting_session {
        backend_id backend = 0;
        net::deadline since;
        std::function<void()> end_session;
        bool requested = false;
    };
    using queue = std::set<std::pair<net::deadline, waiting_session*>>;

    void erase(waiting_session& e);

    std::mutex mutex_;
    std::map<backend_id, queue> by_backend_;  // who was not asked yet
};

}  // namespace sallyport::gate
