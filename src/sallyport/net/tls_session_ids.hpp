#pragma once
// TLS 1.2 sessions of clients that take no tickets (curl held at TLS 1.2), to be found again by their ids.
//
// A session is known while the connection that began it keeps its place here. So there are never more of them than
// connections, and none outlives its control connection. Any thread.

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
    class place {
    public:
        place() = default;
        place(std::shared_ptr<tls_session_ids> in, std::string id) : in_(std::move(in)), id_(std::move(id)) {}
        place(place&& other) noexcept = default;
        place& operator=(place&& other) noexcept {
            std::swap(in_, other.in_);
            std::swap(id_, other.id_);
            return *this;
        }
        ~place() {
            if (in_) in_->forget(id_);
        }

    private:
        std::shared_ptr<tls_session_ids> in_;
        std::string id_;
    };

    [[nodiscard]] place keep(std::string_view id, tls_session session);
    /// Empty where there is none.
    [[nodiscard]] tls_session find(std::string_view id) const;

private:
    void forget(const std::string& id);

    mutable std::mutex mutex_;
    std::unordered_map<std::string, tls_session> known_;
};

}  // namespace sallyport::net
