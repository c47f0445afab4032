#pragma once
// How long each step of a call took. A value; loop thread only.

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
    /// For another call: what is known of the last one is forgotten.
    void restart() {
        steps_.clear();
        running_.reset();
    }
    /// The call is at this step now; no effect where it was before.
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
    /// Those that are over, in order.
    [[nodiscard]] const std::vector<timed_step>& steps() const noexcept { return steps_; }

private:
    std::vector<timed_step> steps_;
    std::optional<proto::client_step> running_;
    net::deadline started_at_{};
};

}  // namespace sallyport::client
