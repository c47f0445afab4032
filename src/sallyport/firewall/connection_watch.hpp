#pragma once
// Notices that the kernel has forgotten the data connection of an opening: conntrack -F, or another address of an interface,
// deletes its entry, and its packets are dropped from then on.
//
// What deletes that entry usually deletes those of the session's control connections too, which are cheap to look up. The
// data connection is searched for, in the kernel's whole table, only if one of them has another entry than before.
//
// Owned by nft_table. Any thread; only state_of() waits for a search.

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/opening.hpp>
#include <sallyport/firewall/table.hpp>

namespace sallyport::firewall {

/// The control connections of an opening's session, with the kernel's entries when the opening was made; 0: none.
struct watched_session {
    flow client;
    flow backend;
    std::uint32_t client_entry = 0;
    std::uint32_t backend_entry = 0;
};

class connection_watch {
public:
    explicit connection_watch(conntrack queries) : queries_(std::move(queries)) {}

    /// Replaces an earlier session of this opening.
    void add(const opening& o, const watched_session& session);
    void remove(const opening& o);
    /// Of an opening whose connection was established: established, lost or unknown.
    [[nodiscard]] opening_use state_of(const opening& o);

private:
    using clock = std::chrono::steady_clock;

    struct state {
        // Its entries are those of the last time that the data connection was found.
        watched_session session;
        // Of the first search without the data connection.
        std::optional<clock::time_point> missing_since{};
    };

    [[nodiscard]] std::optional<bool> search(const opening& o);

    // Guards `sessions_`. Held for no longer than one access.
    std::mutex mutex_;
    std::map<std::pair<ip_address, endpoint>, state> sessions_;
    // Guards the members below. Held during a search.
    std::mutex search_mutex_;
    conntrack queries_;
    clock::time_point next_search_{};
};

}  // namespace sallyport::firewall
