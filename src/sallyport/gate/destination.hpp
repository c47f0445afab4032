#pragma once
// The server that a session's backend leg is connected to, with its parameters, wherever it comes from. The session reports
// through it what it learns about the server; its maker decides what to do with that. The maker is the only difference
// between the sources of destinations: with a destination, each of them calls establish_leg() (backend_leg.hpp).
//
// Movable; owned by the session. The maker is notified of the release, at the latest when the destination is destroyed. Loop
// thread only.

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
    /// The side of the maker. Its destruction is the release: the server can take another session.
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

    // All of the following REQUIRE *this.

    /// Its name, addresses, TLS, PROXY headers and data paths. They do not change as long as this is held.
    [[nodiscard]] const backend& parameters() const { return maker_->parameters(); }
    [[nodiscard]] std::string name() const { return parameters().text(); }

    /// The server sent its greeting after this time.
    void responded(net::clock::duration response_time) { maker_->responded(response_time); }
    /// The connection to the server failed.
    void failed(const backend_failure& failure) { maker_->failed(failure); }
    /// The server closed the connection, or a reply is missing. That proves no failure: a client can make a server do so.
    void suspected() { maker_->suspected(); }

    /// The data methods that the server has refused in earlier sessions.
    [[nodiscard]] proto::method_set refused_methods() const { return maker_->refused_methods(); }
    void learn_refused_methods(proto::method_set refused) { maker_->learn_refused_methods(refused); }

    /// The client has not sent USER yet; its last command arrived `now`. `end_session` is called if another session needs
    /// the slot: from any thread, at most once; it may only post to the session's loop.
    void waits_for_user(net::deadline now, std::function<void()> end_session) {
        maker_->waits_for_user(now, std::move(end_session));
    }
    void user_received() { maker_->user_received(); }

private:
    std::unique_ptr<maker> maker_;
};

}  // namespace sallyport::gate
