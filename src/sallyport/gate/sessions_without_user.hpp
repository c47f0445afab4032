#pragma once
// Sessions that have a slot at a backend and have not sent USER yet. If a backend has no free slot, the one of them that has
// sent no command for the longest time is ended (G7). Otherwise silent connections, as many as the backend allows sessions,
// would block it.
//
// Any thread. No clock: the time is passed in. It must outlive its registrations.

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
    /// One session in this set, until the registration is destroyed.
    class registration {
    public:
        registration() noexcept = default;
        ~registration() { end(); }
        registration(registration&& other) noexcept = default;
        registration& operator=(registration&& other) noexcept;

        [[nodiscard]] explicit operator bool() const noexcept { return session_ != nullptr; }
        /// The client has sent a command.
        void command_received(net::deadline now);

    private:
        friend class sessions_without_user;
        registration(sessions_without_user& in, std::shared_ptr<waiting_session> e) noexcept
            : owner_(&in), session_(std::move(e)) {}
        void end() noexcept;
        sessions_without_user* owner_ = nullptr;
        std::shared_ptr<waiting_session> session_;
    };

    /// `end_session` is called at most once, from any thread and under a mutex: it may only post to a loop.
    [[nodiscard]] registration add(backend_id backend, net::deadline now, std::function<void()> end_session);

    struct slot_request {
        bool requested = false;
        // Before that another request cannot succeed.
        net::deadline next_attempt = net::deadline::max();
    };
    /// Ends one session at one of these backends, if one has been silent for long enough.
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
    // Without those that were requested to end.
    std::map<backend_id, queue> by_backend_;
};

}  // namespace sallyport::gate
