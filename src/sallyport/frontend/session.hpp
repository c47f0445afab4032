#pragma once
// The base of the sessions of server and gateway: lets the daemon list, find and stop them.
//
// A session is created on its event loop from an admitted connection. The constructor adds it to the loop's session list,
// and the destructor removes it and releases its admission slot. It stays on its loop and is owned by its coroutines.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/fair_queue.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/frontend/admission.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::frontend {

class session;

/// The sessions of one event loop. Used on that loop's thread only; it outlives the sessions.
class session_list {
public:
    [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }
    [[nodiscard]] bool empty() const noexcept { return sessions_.empty(); }
    /// Empty if no session has this ID.
    [[nodiscard]] std::shared_ptr<session> find(std::string_view id) const;
    /// Calls `action` for each session; sessions may end meanwhile.
    void for_each(void (session::*action)());
    /// Appends the reports of a batch of sessions below index `from`, in descending order, and returns the index for the
    /// next call. A session that ends between two calls is replaced by the last one of the list, which has been reported
    /// already, so none is missed.
    [[nodiscard]] std::size_t describe_batch(std::size_t from, std::vector<status::session_report>& into) const;

private:
    friend class session;
    std::vector<session*> sessions_;
};

/// An admitted connection and everything its session needs.
struct admitted_connection {
    // The ID of the new session, unique across processes; frontend::id_of(number).
    std::string id;
    // Counts the sessions of this process from 1 on.
    std::uint64_t number;
    net::loop& loop;
    // Its peer is the client, also behind a load balancer that sends PROXY headers.
    net::accepted_connection connection;
    // The address and port that the client connected to: a local one, or the load balancer's.
    endpoint client_destination;
    bool implicit_tls;
    admission_slot slot;
    std::shared_ptr<session_list> sessions;
    // The client has connected to another host, `client_destination`, and this machine is on the way: the number of the
    // interception that has taken the connection.
    std::optional<std::size_t> interception{};
};

/// Base of the sessions of server and gateway. Owned by its coroutines through shared pointers.
class session : public std::enable_shared_from_this<session> {
public:
    virtual ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    /// The daemon is stopping: send 421 as soon as no transfer is running.
    virtual void stop() = 0;
    /// The administrator closes this session: send 421 even during a transfer.
    virtual void disconnect() = 0;
    /// Ends the session immediately, without a reply.
    virtual void kill() = 0;
    [[nodiscard]] virtual status::session_report describe() const = 0;

protected:
    /// Takes everything from the admitted connection except the connection itself, which the derived class owns.
    explicit session(admitted_connection& from);
    void report(login_failure failure) { slot_.report(failure); }
    [[nodiscard]] admission_slot& slot() noexcept { return slot_; }
    /// The text of the 421 if no password of this client may be checked now, because of failed logins; otherwise empty.
    [[nodiscard]] std::string_view login_rejection(std::string_view account) {
        const auto reason = slot_.rejects_login(account);
        return reason ? text_of(*reason) : std::string_view();
    }
    /// On whose behalf this session works, for queues that are fair by client.
    [[nodiscard]] work_owner owner_of_work() const noexcept { return {client_address_.client_network(), this}; }
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    /// Writes a log line about this session. Until logged_in() is called, the number of lines is limited
    /// (log::write_limited).
    void log(log::level at, std::string_view text) const;
    /// Refers to this session.
    [[nodiscard]] log::subject log_subject() const noexcept { return {id_, user_, client_address_}; }
    /// Notes that this thread works for this session from now on, at `command`, which may be empty (net/work_note.hpp).
    void note_work(std::string_view command) const noexcept { net::work_note(number_, command).set(); }
    /// Called when the client has logged in, once or more often.
    void logged_in(std::string_view user) {
        if (user_ != user) user_ = user;
        log_limited_ = false;
        slot_.leave_login_pool();
    }

private:
    friend class session_list;
    const std::string id_;
    const std::uint64_t number_;
    const ip_address client_address_;
    admission_slot slot_;
    std::string user_;
    bool log_limited_ = true;
    std::shared_ptr<session_list> list_;
    std::size_t index_;
};

}  // namespace sallyport::frontend
