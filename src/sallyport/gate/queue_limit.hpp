#pragma once
// How long a session waits for a free slot at a backend (--queue-timeout), and when it checks again in the meantime (G7). A
// value without a clock, owned by the search for a backend; one thread.

#include <cstddef>
#include <optional>

#include <sallyport/gate/sessions_without_user.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

class queue_limit {
public:
    queue_limit(net::deadline now, net::clock::duration timeout) noexcept : until_(now + timeout) {}

    [[nodiscard]] bool is_over(net::deadline now) const noexcept { return now >= until_; }

    /// In the session queue: the time until which to wait for a slot before checking again. `silent` is the result of the
    /// request to end a session without USER; such a session gets time to end, even without a queue. Empty if the wait is
    /// over.
    [[nodiscard]] std::optional<net::deadline> wait_for_slot(const sessions_without_user::slot_request& silent,
                                                             net::deadline now) noexcept;

    // If backends have refused the session with 421.
    /// When to request again that one of their sessions without USER ends; empty if that would be too late.
    [[nodiscard]] std::optional<net::deadline> wait_for_silent(
        const sessions_without_user::slot_request& silent) const noexcept;
    /// The delay before the backends are tried again after such a session was ended, which they may notice late. Empty if
    /// they were tried often enough.
    [[nodiscard]] std::optional<net::clock::duration> next_pause() noexcept;
    [[nodiscard]] bool has_retried() const noexcept { return pauses_ > 0; }

private:
    net::deadline until_;
    std::size_t pauses_ = 0;
};

}  // namespace sallyport::gate
