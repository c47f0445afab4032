#include <sallyport/firewall/connection_watch.hpp>

#include <algorithm>

namespace sallyport::firewall {
namespace {

[[nodiscard]] std::pair<ip_address, endpoint> session_key(const opening& o) { return {o.client, o.listen}; }

}  // namespace

void connection_watch::add(const opening& o, const watched_session& session) {
    const std::scoped_lock lock(mutex_);
    sessions_.insert_or_assign(session_key(o), state{session});
}

void connection_watch::remove(const opening& o) {
    const std::scoped_lock lock(mutex_);
    sessions_.erase(session_key(o));
}

/// Whether the kernel tracks the data connection of this opening. The kernel reads its whole table, so searches take at
/// most a tenth of the time. Nothing: it failed, or it is too early. REQUIRES: search_mutex_ is held.
std::optional<bool> connection_watch::search(const opening& o) {
    const auto started = clock::now();
    if (started < next_search_) return std::nullopt;
    const auto forwards = queries_.between(o.client, o.listen.address);
    // A connection that was forgotten may be tracked again by a packet of the other end, which then is the first one.
    const auto backwards = queries_.between(o.forward_to.address, o.client);
    const auto ended = clock::now();
    next_search_ = ended + 9 * (ended - started);
    if (!forwards || !backwards) return std::nullopt;
    return std::ranges::any_of(*forwards,
                               [&o](const tracked_connection& c) {
                                   return c.original.destination == o.listen && c.reply.source == o.forward_to;
                               }) ||
           std::ranges::any_of(*backwards, [&o](const tracked_connection& c) { return c.original.source == o.forward_to; });
}

opening_use connection_watch::state_of(const opening& o) {
    auto known = [&]() -> std::optional<state> {
        const std::scoped_lock lock(mutex_);
        const auto found = sessions_.find(session_key(o));
        return found == sessions_.end() ? std::nullopt : std::optional(found->second);
    }();
    if (!known) return opening_use::established;
    auto& session = known->session;
    const std::scoped_lock searching(search_mutex_);
    const auto client = queries_.find(session.client);
    const auto backend = queries_.find(session.backend);
    if (!client || !backend) return opening_use::unknown;
    const auto client_entry = *client ? (*client)->id : 0;
    const auto backend_entry = *backend ? (*backend)->id : 0;
    if (client_entry == session.client_entry && backend_entry == session.backend_entry) return opening_use::established;
    const auto there = search(o);
    if (!there) return opening_use::unknown;
    const auto now = clock::now();
    if (!*there && known->missing_since && now - *known->missing_since >= between_searches) return opening_use::lost;
    if (*there) {
        // Without an entry, a further loss would change nothing; so the next check searches again.
        if (client_entry != 0) session.client_entry = client_entry;
        if (backend_entry != 0) session.backend_entry = backend_entry;
        known->missing_since.reset();
    } else if (!known->missing_since) {
        known->missing_since = now;
    }
    const std::scoped_lock lock(mutex_);
    if (const auto found = sessions_.find(session_key(o)); found != sessions_.end()) found->second = *known;
    return *there ? opening_use::established : opening_use::unknown;
}

}  // namespace sallyport::firewall
