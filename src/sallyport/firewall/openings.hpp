#pragma once
// Creates openings in the kernel and removes them again. Each is held by an opening_lease: the opening is in force before
// the lease is returned, and it is removed with the lease at the latest (G2, GW-05;
// docs/decisions/32-openings-in-the-kernel.md).
//
// An opening admits one connection. The kernel closes it when that connection is established, and when its lifetime has
// expired. Destroying the lease removes it in any case. The kernel removes all openings when the process ends, by any
// signal. An established connection stays until one of its ends closes it.
//
// The kernel makes changes under a lock that changes of another program can hold for long, so changes are made on a thread
// of their own. It commits all pending changes in one transaction. While none is pending, an opening is made on the event
// loop: to wake two threads takes longer than the change. If the change takes longer than a moment after all, the thread
// waits in place of the loop.
//
// Thread-safe. `openings` is owned by the gateway, a lease by its session; a lease may outlive `openings`.

#include <cstddef>
#include <memory>
#include <optional>

#include <sallyport/firewall/opening.hpp>
#include <sallyport/firewall/table.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::firewall {

class openings;

/// Owns one opening. Movable; its destruction removes the opening. Any thread.
class opening_lease {
public:
    opening_lease() noexcept = default;
    ~opening_lease() { release(); }
    opening_lease(opening_lease&& other) noexcept = default;
    opening_lease& operator=(opening_lease&& other) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return committer_ != nullptr; }
    [[nodiscard]] const opening& details() const noexcept { return opening_; }
    /// The remaining lifetime, from the kernel; empty if the opening was used or has expired.
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining() const;
    /// How far the opening has been used, from the kernel. REQUIRES: *this.
    [[nodiscard]] opening_use use() const;

private:
    friend class openings;
    struct committer;
    opening_lease(std::shared_ptr<committer> c, opening granted) noexcept
        : committer_(std::move(c)), opening_(std::move(granted)) {}
    void release() noexcept;

    std::shared_ptr<committer> committer_;
    opening opening_;
};

/// Creates openings. Any thread. An opening stays for as long as its lease.
class openings {
public:
    explicit openings(std::unique_ptr<table> kernel_table);

    /// Creates an opening for the session with these control connections, which are used during the call only; it is in
    /// force when the lease is returned, on `loop`. Fails with errc::timeout if the kernel takes too long; the opening is
    /// then removed as well.
    net::task<result<opening_lease>> open(net::loop& loop, opening wanted, control_connections session,
                                          net::time_limit limit) const;

private:
    std::shared_ptr<opening_lease::committer> committer_;
};

}  // namespace sallyport::firewall
