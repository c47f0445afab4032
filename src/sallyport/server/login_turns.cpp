#include <sallyport/server/login_turns.hpp>

#include <algorithm>
#include <optional>

namespace sallyport::server {

void login_turns::enter(login_turn& turn) {
    const std::lock_guard lock(mutex_);
    const auto displaced = (turn.known_ ? known_ : others_).push(turn.owner_, &turn);
    if (displaced) (*displaced)->set(login_turn::state::rejected);
    grant_next();
}

void login_turns::leave(login_turn& turn) {
    const std::lock_guard lock(mutex_);
    if (turn.state_ == login_turn::state::waiting) (turn.known_ ? known_ : others_).remove(turn.owner_, [](login_turn*) {});
    if (turn.state_ == login_turn::state::granted) --running_;
    grant_next();
}

void login_turns::grant_next() {
    while (running_ < max_running_ && !(known_.empty() && others_.empty())) {
        const bool known = !known_.empty() && (others_.empty() || known_in_row_ < limits::max_known_logins_in_row);
        known_in_row_ = known ? known_in_row_ + 1 : 0;
        ++running_;
        (known ? known_ : others_).pop()->set(login_turn::state::granted);
    }
}

login_turn::login_turn(login_turns& all, net::loop& loop, const work_owner& owner, bool known)
    : all_(all), owner_(owner), known_(known), poster_(loop.poster()), changed_(std::make_shared<net::event>(loop)) {
    all_.enter(*this);
}

login_turn::~login_turn() { all_.leave(*this); }

void login_turn::set(state to) {
    state_ = to;
    poster_->post([changed = std::weak_ptr(changed_)] {
        if (const auto waiting = changed.lock()) waiting->set();
    });
}

login_turn::state login_turn::now() const {
    const std::lock_guard lock(all_.mutex_);
    return state_;
}

net::task<login_turn::state> login_turn::wait(std::function<bool()> is_cancelled) {
    const net::deadline last = net::clock::now() + limits::max_login_queue_time;
    for (;;) {
        if (const auto current = now(); current != state::waiting || is_cancelled()) co_return current;
        const auto time = net::clock::now();
        if (time >= last) co_return state::rejected;
        co_await changed_->wait(std::min(last, time + limits::login_queue_check_interval));
    }
}

}  // namespace sallyport::server
