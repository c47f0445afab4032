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
        virtual void responded(net::clock::duration response_time) = 0;
        virtual void failed(const backend_failure& failure) = 0;
        virtual void suspected() = 0;
        [[nodiscard]] virtual proto::method_set refused_methods() const = 0;
        virtual void learn_refused_methods(proto::method_set refused) = 0;
        virtual void waits_for_user(net::deadline now, std::function<void()> end_session) = 0;
        virtual void user_received() = 0;
    };

    destination() noexcept = default;
    explicit destination(std::unique_ptr<maker> made_by) noexcept : maker_(std::move(made_by)) {}

    [[nodiscard]] explicit operator bool() const noexcept { return maker_ != nullptr; }
    void release() noexcept { maker_.reset(); }

    // REQUIRES, of all that follow: *this.

    /// Its name, addresses, TLS, PROXY headers and data paths. The same for as long as this is held.
    [[nodiscard]] const backend& parameters() const { return maker_->parameters(); }
    [[nodiscard]] std::string name() const { return parameters().text(); }

    /// It sent its greeting, so long after the connection was begun.
    void responded(net::clock::duration response_time) { maker_->responded(response_time); }
    /// It could not be connected to.
    void failed(const backend_failure& failure) { maker_->failed(failure); }
    /// It closed the connection or owes a reply. That proves nothing: a client can make a server do so.
    void suspected() { maker_->suspected(); }

    /// Which of EPSV, PASV, EPRT and PORT its sessions found refused.
    [[nodiscard]] proto::method_set refused_methods() const { return maker_->refused_methods(); }
    void learn_refused_methods(proto::method_set refused) { maker_->learn_refused_methods(refused); }

    /// The session's client has not sent USER yet, and was heard of `now`. `leave` is called if another session needs
    /// its slot: from any thread, at most once, and it may only post to the session's loop.
    void waits_for_user(net::deadline now, std::function<void()> end_session) {
        maker_->waits_for_user(now, std::move(end_session));
    }
    void user_received() { maker_->user_received(); }

private:
    std::unique_ptr<maker> maker_;
};

}  // namespace sallyport::gate
