#pragma once
// What a session's backend leg is connected to: one FTP server with its parameters, wherever it comes from. The session
// reports through it what it learns of the server, and does not know who listens.
//
// Movable. Its maker is notified of the release, at its destruction at the latest. Loop thread only.

#include <functional>
#include <memory>
#include <utility>

#include <sallyport/gate/backend.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>
#include <sallyport/proto/data_method.hpp>

namespace sallyport::gate {

class destination {
public:
    /// The maker's side. Its destruction is the release: the server can take another session.
    class maker {
    public:
        maker() = default;
        virtual ~maker() = default;
        maker(const maker&) = delete;
        maker& operator=(const maker&) = delete;

        [[nodiscard]] virtual const backend& parameters() const = 0;
        virtual void responded(net::clock::duration after) = 0;
        virtual void failed(const backend_failure& why) = 0;
        virtual void suspected() = 0;
        [[nodiscard]] virtual proto::method_set refused_methods() const = 0;
        virtual void learn_refused_methods(proto::method_set refused) = 0;
        virtual void waits_for_user(net::deadline now, std::function<void()> leave) = 0;
        virtual void user_received() = 0;
    };

    destination() noexcept = default;
    explicit destination(std::unique_ptr<maker> by) noexcept : by_(std::move(by)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return by_ != nullptr; }
    void release() noexcept { by_.reset(); }

    // REQUIRES, of all that follow: *this.

    /// Its name, addresses, TLS, PROXY headers and data paths. The same for as long as this is held.
    [[nodiscard]] const backend& parameters() const { return by_->parameters(); }
    [[nodiscard]] std::string name() const { return parameters().text(); }

    /// It sent its greeting, so long after the connection was begun.
    void responded(net::clock::duration after) { by_->responded(after); }
    /// It could not be connected to.
    void failed(const backend_failure& why) { by_->failed(why); }
    /// It closed the connection or owes a reply. That proves nothing: a client can make a server do so.
    void suspected() { by_->suspected(); }

    /// Which of EPSV, PASV, EPRT and PORT its sessions found refused.
    [[nodiscard]] proto::method_set refused_methods() const { return by_->refused_methods(); }
    void learn_refused_methods(proto::method_set refused) { by_->learn_refused_methods(refused); }

    /// The session's client has not sent USER yet, and was heard of `now`. `leave` is called if another session needs
    /// its slot: from any thread, at most once, and it may only post to the session's loop.
    void waits_for_user(net::deadline now, std::function<void()> leave) { by_->waits_for_user(now, std::move(leave)); }
    void user_received() { by_->user_received(); }

private:
    std::unique_ptr<maker> by_;
};

}  // namespace sallyport::gate
