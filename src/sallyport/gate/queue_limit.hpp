#pragma once
// How long the search for a session's backend may wait for room (--queue-timeout), and when it looks again meanwhile (G7). A
// value without a clock, owned by the search; one thread.

#include <cstddef>
#include <optional>

#include <sallyport/gate/sessions_without_user.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

class queue_limit {
public:
    queue_limit(net::deadline now, net::clock::duration timeout) noexcept : until_(now + timeout) {}

    [[nodiscard]] bool is_over(net::deadline now) const noexcept { return now >= until_; }

    /// In the session queue, where `silent` is what came of asking the silent sessions: until when to wait for a slot before
    /// looking again. A session that was asked to leave gets its time for that, also where there is no queue. Nothing: there
    /// is nothing to wait for.
    [[nodiscard]] std::optional<net::deadline> wait_for_slot(const sessions_without_user::slot_request& silent,
                                                             net::deadline now) noexcept;

    // Where backends have refused the session by 421.
    /// When to ask their silent sessions again; nothing where none of these will be due in time.
    [[nodiscard]] std::optional<net::deadline> wait_for_silent(
        const sessions_without_user::slot_request& silent) const noexcept;
    /// After one was asked to leave: the pause until the backends are tried again, which may need a moment to see that it
    /// has. Nothing: they were tried often enough.
    [[nodiscard]] std::optional<net::clock::duration> next_pause() noexcept;
    [[nodiscard]] bool has_retried() const noexcept { return pauses_ > 0; }

private:
    net::deadline until_;
    std::size_t pauses_ = 0;
};

}  // namespace sallyport::gate
