#pragma once
// Turns to check a slow password (AU-02, AU-03): a few are checked at a time, and the others wait in a queue that is fair by
// client address (base/fair_queue.hpp). Addresses from which a password was accepted lately go first; at most three of them
// in a row while others wait, so that a client with an account cannot shut out the others.
//
// The queue is bounded: if it is full, the address that holds most of it loses a place.
//
// The turns are owned by the shared state of the sessions, for any thread; the turn of one session is owned by its
// coroutine, and is used on its loop.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include <sallyport/base/fair_queue.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::server {

class login_turn;

/// Must outlive each login_turn.
class login_turns {
public:
    /// `max_running`: the number of turns at a time.
    explicit login_turns(std::size_t max_running, std::size_t max_queued = limits::max_queued_logins)
        : max_running_(max_running), known_(max_queued), others_(max_queued) {}

private:
    friend class login_turn;
    void enter(login_turn& turn);
    void leave(login_turn& turn);
    void grant_next();

    const std::size_t max_running_;
    std::mutex mutex_;
    std::size_t running_ = 0;
    fair_queue<login_turn*> known_;
    fair_queue<login_turn*> others_;
    unsigned known_in_row_ = 0;
};

/// The place of one session in the queue, then its turn; the destructor gives up both.
class login_turn {
public:
    enum class state : std::uint8_t {
        waiting,
        granted,
        // The queue is full, or the wait has taken too long.
        rejected,
    };

    /// `known`: a password was accepted from this address lately.
    login_turn(login_turns& all, net::loop& loop, const work_owner& owner, bool known);
    ~login_turn();
    login_turn(const login_turn&) = delete;
    login_turn& operator=(const login_turn&) = delete;

    /// Waits for the turn, at most for limits::max_login_queue_time. Returns `waiting` once `is_cancelled` returns true,
    /// which is called several times a second.
    net::task<state> wait(std::function<bool()> is_cancelled);

private:
    friend class login_turns;
    void set(state to);
    [[nodiscard]] state now() const;

    login_turns& all_;
    const work_owner owner_;
    const bool known_;
    const std::shared_ptr<net::loop_poster> poster_;
    // Set on the loop when the state has changed.
    const std::shared_ptr<net::event> changed_;
    // Guarded by the mutex of `all_`.
    state state_ = state::waiting;
};

}  // namespace sallyport::server
