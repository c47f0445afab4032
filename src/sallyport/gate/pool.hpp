#pragma once
// The backends of a gateway, and which one a session gets (G7). What failed rests and is tried last.
//
// Choosing and counting happen in one step under a mutex, held for a look over the list only: this is the one place where
// loops meet. Any thread. The pool must outlive its slots.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

class pool;

/// One session's place at one backend; given back at destruction.
class slot {
public:
    slot() noexcept = default;
    slot(slot&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
    slot& operator=(slot&& other) noexcept;
    ~slot() { release(); }

    [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
    [[nodiscard]] const backend& where() const;  // REQUIRES: *this
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    void release() noexcept;

private:
    friend class pool;
    slot(pool& owner, std::size_t index) noexcept : pool_(&owner), index_(index) {}
    pool* pool_ = nullptr;
    std::size_t index_ = 0;
};

class pool {
public:
    pool(std::vector<backend> backends, balance policy, std::chrono::seconds rest);

    /// The best backend for this client that is not among `tried`; empty where all were. A backend that rests is chosen
    /// when nothing else is left. After its rest one session at a time finds out whether it is back.
    [[nodiscard]] slot choose(const ip_address& client, const std::vector<std::size_t>& tried, net::deadline now);

    void failed(const slot& at, net::deadline now);
    void answered(const slot& at);

    /// Whether EPSV is worth trying at this backend; learned by its sessions.
    [[nodiscard]] bool speaks_epsv(const slot& at) const;
    void learn_epsv(const slot& at, bool speaks);

    [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
    /// Sessions now at each backend, in the order of the settings.
    [[nodiscard]] std::vector<std::size_t> sessions() const;

private:
    friend class slot;
    struct member {
        backend where;
        std::uint64_t name_hash = 0;
        std::size_t sessions = 0;
        bool failing = false;  // until it answers again
        net::deadline rests_until{};
        bool epsv = true;
    };

    [[nodiscard]] std::uint64_t rank(const member& m, std::size_t index, std::uint64_t client) const noexcept;
    void give_back(std::size_t index) noexcept;

    mutable std::mutex mutex_;
    std::vector<member> members_;
    balance policy_;
    std::chrono::seconds rest_;
    std::size_t turn_ = 0;  // where the round goes on
};

}  // namespace sallyport::gate
