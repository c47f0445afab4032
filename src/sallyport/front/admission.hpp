#pragma once
// How many sessions there may be, in all and from one address (421 beyond). Any thread.

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <sallyport/base/address.hpp>
#include <sallyport/status/counters.hpp>

namespace sallyport::front {

class admission;

/// The right to one session; gives it back at its end.
class ticket {
public:
    ticket(ticket&& other) noexcept : owner_(std::move(other.owner_)), from_(other.from_) {}
    ticket& operator=(ticket&&) = delete;
    ~ticket();

private:
    friend class admission;
    ticket(std::shared_ptr<admission> owner, const ip_address& from) : owner_(std::move(owner)), from_(from) {}
    std::shared_ptr<admission> owner_;
    ip_address from_;
};

class admission : public std::enable_shared_from_this<admission> {
public:
    /// 0: no limit per address.
    admission(std::size_t most, std::size_t most_per_address, status::counters& counters)
        : most_(most), most_per_address_(most_per_address), counters_(counters) {}

    /// Nothing where a limit is reached.
    [[nodiscard]] std::optional<ticket> admit(const ip_address& from);

private:
    friend class ticket;
    void leave(const ip_address& from);

    std::size_t most_;
    std::size_t most_per_address_;
    status::counters& counters_;
    std::mutex mutex_;
    std::unordered_map<ip_address, std::size_t> by_address_;  // only where there is a limit for them
};

}  // namespace sallyport::front
