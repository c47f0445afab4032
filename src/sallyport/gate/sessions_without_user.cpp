#include <sallyport/gate/sessions_without_user.hpp>

#include <algorithm>

#include <sallyport/base/limits.hpp>

namespace sallyport::gate {

sessions_without_user::registration& sessions_without_user::registration::operator=(registration&& other) noexcept {
    if (this == &other) return *this;
    end();
    owner_ = other.owner_;
    session_ = std::move(other.session_);
    return *this;
}

void sessions_without_user::registration::command_received(net::deadline now) {
    const std::scoped_lock lock(owner_->mutex_);
    if (session_->requested) return;
    // Without an allocation, which could fail.
    auto& waiting = owner_->by_backend_.find(session_->backend)->second;
    auto place = waiting.extract({session_->since, session_.get()});
    session_->since = place.value().first = now;
    waiting.insert(std::move(place));
}

void sessions_without_user::registration::end() noexcept {
    if (!session_) return;
    {
        const std::scoped_lock lock(owner_->mutex_);
        if (!session_->requested) owner_->erase(*session_);
    }
    session_.reset();
}

sessions_without_user::registration sessions_without_user::add(backend_id backend, net::deadline now,
                                                               std::function<void()> end_session) {
    auto made = std::make_shared<waiting_session>(waiting_session{backend, now, std::move(end_session)});
    const std::scoped_lock lock(mutex_);
    queue place;
    place.emplace(now, made.get());
    // Without memory, no empty queue is left.
    by_backend_[backend].merge(place);
    return {*this, std::move(made)};
}

void sessions_without_user::erase(waiting_session& e) {
    const auto found = by_backend_.find(e.backend);
    found->second.erase({e.since, &e});
    if (found->second.empty()) by_backend_.erase(found);
}

sessions_without_user::slot_request sessions_without_user::request_slot(const std::vector<backend_id>& backends,
                                                                        net::deadline now) {
    const std::scoped_lock lock(mutex_);
    waiting_session* first_to_end = nullptr;
    for (const auto id : backends) {
        const auto found = by_backend_.find(id);
        if (found == by_backend_.end()) continue;
        auto* const first = found->second.begin()->second;
        if (first_to_end == nullptr || first->since < first_to_end->since) first_to_end = first;
    }
    if (first_to_end == nullptr) return {};
    const auto earliest = first_to_end->since + limits::silent_session_timeout;
    if (now < earliest) return {.next_attempt = earliest};
    erase(*first_to_end);
    first_to_end->requested = true;
    first_to_end->end_session();
    return {.requested = true, .next_attempt = now + limits::session_yield_timeout};
}

}  // namespace sallyport::gate
