#pragma once
// One running session as its daemon sees it: counted, found again, stopped.
//
// A session is made on its loop from an `arrival`, joins that loop's roster by its construction and leaves it by its
// destruction, and gives back what admission gave it. It stays on its loop, and lives as long as one of its coroutines.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/log.hpp>
#include <sallyport/frontend/admission.hpp>
#include <sallyport/net/listener.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/status/session_report.hpp>

namespace sallyport::frontend {

class session;

/// The sessions of one loop. Loop thread only; it outlives them.
class session_list {
public:
    [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }
    [[nodiscard]] bool empty() const noexcept { return sessions_.empty(); }
    /// Empty where no session has this id.
    [[nodiscard]] std::shared_ptr<session> find(std::string_view id) const;
    /// Calls `what` for each; sessions may leave meanwhile.
    void for_each(void (session::*action)());
    /// What those below `from` tell, `limits::snapshot_batch` of them at most, from the last one down. Returns where to go
    /// on: who leaves meanwhile has his place taken by the last, which was asked already, so nobody is missed.
    [[nodiscard]] std::size_t describe_batch(std::size_t from, std::vector<status::session_report>& into) const;

private:
    friend class session;
    std::vector<session*> sessions_;
};

/// An admitted connection and where its session belongs.
struct admitted_connection {
    // Of the session to be: no other session has it, of this process or of another one.
    std::string id;
    net::loop& loop;
    // Its peer is the client, also where a balancer passes it on.
    net::accepted_connection connection;
    // What the client has connected to: our own address, or the balancer's.
    endpoint client_destination;
    bool implicit_tls;
    admission_slot slot;
    std::shared_ptr<session_list> sessions;
};

/// Base of the sessions of server and gateway. Owned by its own coroutines, through shared pointers.
class session : public std::enable_shared_from_this<session> {
public:
    virtual ~session();
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    /// The daemon stops: 421 as soon as no transfer runs.
    virtual void stop() = 0;
    /// The administrator ends this session: 421, whatever runs.
    virtual void disconnect() = 0;
    /// Ends now, whatever runs, without a word.
    virtual void kill() = 0;
    [[nodiscard]] virtual status::session_report describe() const = 0;

protected:
    /// Takes what the arrival's session keeps; the connection is the derived class's.
    explicit session(admitted_connection& from);
    void report(login_failure failure) { slot_.report(failure); }
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    /// Writes a line about this session. Until allow_log(), as few as any client may cause (log::write_limited).
    void log(log::level at, std::string_view text) const;
    /// The client has logged in.
    void lift_log_limit() noexcept { log_limited_ = false; }

private:
    friend class session_list;
    const std::string id_;
    const ip_address client_address_;
    admission_slot slot_;
    bool log_limited_ = true;
    std::shared_ptr<session_list> list_;
    std::size_t index_;
};

}  // namespace sallyport::frontend
