#pragma once
// Measures how long each step of a call takes. A value that its connection owns; used on the thread of its loop.

#include <optional>
#include <vector>

#include <sallyport/net/deadline.hpp>
#include <sallyport/proto/client_settings.hpp>

namespace sallyport::client {

struct timed_step {
    proto::client_step at;
    net::clock::duration duration;
};

class step_clock {
public:
    /// Starts another call; the steps of the last one are removed.
    void restart() {
        steps_.clear();
        running_.reset();
    }
    /// The call enters this step; no effect if it is there already.
    void enter(proto::client_step step) {
        if (running_ == step) return;
        stop();
        running_ = step;
        started_at_ = net::clock::now();
    }
    void stop() {
        if (running_) steps_.push_back({*running_, net::clock::now() - started_at_});
        running_.reset();
    }
    /// The step in which the call is now; nothing between two calls.
    [[nodiscard]] std::optional<proto::client_step> running() const noexcept { return running_; }
    /// The finished steps, in order.
    [[nodiscard]] const std::vector<timed_step>& steps() const noexcept { return steps_; }

private:
    std::vector<timed_step> steps_;
    std::optional<proto::client_step> running_;
    net::deadline started_at_{};
};

}  // namespace sallyport::client
