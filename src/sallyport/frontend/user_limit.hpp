#pragma once
// Counts the sessions of each user, at a gateway over all backends, for a limit per user.
//
// Any thread. Owned by shared pointers of the service and of every slot.

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace sallyport::frontend {

class user_limit : public std::enable_shared_from_this<user_limit> {
public:
    /// One counted session; released at destruction.
    class user_slot {
    public:
        user_slot(user_slot&& other) noexcept : owner_(std::move(other.owner_)), user_(std::move(other.user_)) {}
        user_slot& operator=(user_slot&&) = delete;
        ~user_slot() {
            if (owner_) owner_->release(user_);
        }

    private:
        friend class user_limit;
        user_slot(std::shared_ptr<user_limit> owner, std::string user) : owner_(std::move(owner)), user_(std::move(user)) {}
        std::shared_ptr<user_limit> owner_;
        std::string user_;
    };

    /// Nothing if the user has `max_sessions` sessions already.
    [[nodiscard]] std::optional<user_slot> admit(const std::string& user, std::size_t max_sessions) {
        const std::scoped_lock lock(mutex_);
        auto& count = sessions_[user];
        if (count >= max_sessions) return std::nullopt;
        ++count;
        return user_slot(shared_from_this(), user);
    }

private:
    void release(const std::string& user) {
        const std::scoped_lock lock(mutex_);
        const auto found = sessions_.find(user);
        if (--found->second == 0) sessions_.erase(found);
    }

    std::mutex mutex_;
    std::map<std::string, std::size_t> sessions_;
};

}  // namespace sallyport::frontend
