#pragma once
// TLS 1.2 sessions of clients without ticket support (such as curl with TLS 1.2), which are found by their session IDs.
//
// A session lives as long as its entry, which the connection that started the session owns. So there are never more sessions
// than connections, and none outlives its control connection. Any thread.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <sallyport/net/tls.hpp>

namespace sallyport::net {

class tls_session_ids : public std::enable_shared_from_this<tls_session_ids> {
public:
    /// Removes its session when it is destroyed.
    class entry {
    public:
        entry() = default;
        entry(std::shared_ptr<tls_session_ids> owner, std::string id) : owner_(std::move(owner)), id_(std::move(id)) {}
        entry(entry&& other) noexcept = default;
        entry& operator=(entry&& other) noexcept {
            std::swap(owner_, other.owner_);
            std::swap(id_, other.id_);
            return *this;
        }
        ~entry() {
            if (owner_) owner_->erase(id_);
        }

    private:
        std::shared_ptr<tls_session_ids> owner_;
        std::string id_;
    };

    [[nodiscard]] entry store(std::string_view id, tls_session session);
    /// Empty if there is none.
    [[nodiscard]] tls_session find(std::string_view id) const;

private:
    void erase(const std::string& id);

    mutable std::mutex mutex_;
    std::unordered_map<std::string, tls_session> sessions_;
};

}  // namespace sallyport::net
