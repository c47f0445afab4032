#pragma once
// Openings that stand, each as a lease: it is in force before its holder hears of it, and ends with its holder at the latest
// (G2, GW-05; docs/decisions/32-openings-in-the-kernel.md).
//
// An opening admits one connection. The kernel closes it when one is established through it, and when its time is over; the
// lease's end closes it in any case; and the process's end, by whatever signal, closes them all. A connection that
// has come through stays until its own ends close it.
//
// The kernel takes changes under a lock that another program's changes can hold for long, so they have a thread of their
// own. It takes all that wait into one transaction.
//
// Owned by the gateway, any thread; a lease is owned by its session, and outlives `openings` where it must.

#include <cstddef>
#include <memory>
#include <optional>

#include <sallyport/firewall/opening.hpp>
#include <sallyport/firewall/table.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::firewall {

class openings;

/// Movable; its end closes the opening. Any thread.
class opening_lease {
public:
    opening_lease() noexcept = default;
    ~opening_lease() { release(); }
    opening_lease(opening_lease&& other) noexcept = default;
    opening_lease& operator=(opening_lease&& other) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return committer_ != nullptr; }
    [[nodiscard]] const opening& details() const noexcept { return opening_; }
    /// By the kernel's own word: how long it will stand if nobody comes; nothing once it was used or its time was over.
    [[nodiscard]] std::optional<std::chrono::milliseconds> remaining() const;
    /// REQUIRES: *this. Likewise.
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

/// Any thread. What it opened outlives it, as long as the leases do.
class openings {
public:
    /// In this process's table of the kernel. The error says what the process or the system lacks.
    [[nodiscard]] static result<openings> in_kernel();
    explicit openings(std::unique_ptr<table> kernel_table);

    /// On the caller's loop, once it is in force. errc::timeout where the kernel took too long; it is closed then, too.
    net::task<result<opening_lease>> open(net::loop& loop, opening wanted, net::time_limit limit) const;

private:
    std::shared_ptr<opening_lease::committer> committer_;
};

}  // namespace sallyport::firewall
