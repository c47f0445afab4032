#include <sallyport/gate/silent_sessions.hpp>

#include <algorithm>

#include <sallyport/base/limits.hpp>

namespace sallyport::gate {

silent_sessions::member& silent_sessions::member::operator=(member&& other) noexcept {
    if (this == &other) return *this;
    end();
    in_ = other.in_;
    entry_ = std::move(other.entry_);
    return *this;
}

void silent_sessions::member::heard(net::deadline now) {
    const std::scoped_lock lock(in_->mutex_);
    if (entry_->asked) return;
    in_->erase(*entry_);
    entry_->since = now;
    in_->by_backend_[entry_->at].emplace(now, entry_.get());
}

void silent_sessions::member::end() noexcept {
    if (!entry_) return;
    {
        const std::scoped_lock lock(in_->mutex_);
        if (!entry_->asked) in_->erase(*entry_);
    }
    entry_.reset();
}

silent_sessions::member silent_sessions::join(backend_id at, net::deadline now, std::function<void()> leave) {
    auto made = std::make_shared<entry>(entry{at, now, std::move(leave)});
    const std::scoped_lock lock(mutex_);
    by_backend_[at].emplace(now, made.get());
    return {*this, std::move(made)};
}

void silent_sessions::erase(entry& e) {
    const auto found = by_backend_.find(e.at);
    found->second.erase({e.since, &e});
    if (found->second.empty()) by_backend_.erase(found);
}

silent_sessions::answer silent_sessions::ask(const std::vector<backend_id>& at, net::deadline now) {
    const std::scoped_lock lock(mutex_);
    entry* longest = nullptr;
    for (const auto id : at) {
        const auto found = by_backend_.find(id);
        if (found == by_backend_.end()) continue;
        auto* const first = found->second.begin()->second;
        if (longest == nullptr || first->since < longest->since) longest = first;
    }
    if (longest == nullptr) return {};
    const auto due = longest->since + limits::silent_session;
    if (now < due) return {.next = due};
    erase(*longest);
    longest->asked = true;
    longest->leave();
    return {.asked = true, .next = now + limits::yielding};
}

}  // namespace sallyport::gate
