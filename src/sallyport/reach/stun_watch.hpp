#pragma once
// Asks STUN servers for the external address of this machine, at the start and then every stun_interval. The caller
// gets each round of answers; nothing waits for them.
//
// Owned by passive_mode; on the first loop, which outlives it.

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <sallyport/net/loop.hpp>
#include <sallyport/reach/stun_client.hpp>

namespace sallyport::reach {

/// As often as host names are resolved again.
inline constexpr auto stun_interval = std::chrono::seconds(60);

class stun_watch {
public:
    using receiver = std::function<void(const std::vector<stun_observation>& seen)>;

    stun_watch(net::loop& loop, std::vector<stun_server> servers, receiver on_answers);
    ~stun_watch() { stop(); }
    stun_watch(const stun_watch&) = delete;
    stun_watch& operator=(const stun_watch&) = delete;

    /// On the loop, or before it runs.
    void start();
    /// No call of the receiver follows. Further calls do nothing.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::reach
