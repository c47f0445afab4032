#pragma once
// The connections with one server for one user, made when they are needed, up to a maximum that is learned: a server that
// has no room for one more connection (421, "too many connections") lowers it to those that there are; after a while one
// more is tried again. Work that loses its connection is begun again on another one, a few times and with growing pauses. If
// none can be opened, all work fails.
//
// Transfers are pipelined (session::set_pipelining) until the server has shown that it cannot bear that: a session that ends
// in disorder, or two that are lost one after the other. What they carried is begun again without.
//
// Each connection has an event loop and a thread of its own, so that the local disk of one transfer holds up no other one.
// All of the pool's own state is on the loop of its owner, "home": run(), cancel(), interrupt(), resume() and close() are
// called there, and run() returns there. The home loop outlives the pool, and the pool its calls. close() must have ended
// before it is destroyed.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <sallyport/client/client.hpp>
#include <sallyport/client/site_facts.hpp>
#include <sallyport/net/event.hpp>

namespace sallyport::client {

struct pool_settings {
    std::size_t connections = 3;
    bool pipelining = true;
    /// From earlier runs; the method is for session_options.
    site_facts known{};
    /// How many pieces of work must have succeeded before one more connection is tried; doubled whenever it is refused.
    std::size_t raise_after = 50;
    /// How often a piece of work is begun before its failure counts.
    int tries = 5;
    /// Before the second try; doubled for each further one.
    std::chrono::milliseconds pause = std::chrono::seconds(1);
    std::chrono::milliseconds longest_pause = std::chrono::seconds(30);
    /// Makes the options of a session, on the thread of that session's loop.
    std::function<options(net::loop&)> session_options;
};

class pool {
public:
    /// A piece of work on a session, on that session's thread. `try_number` counts from 1. Its result is a failure of the
    /// session or of the work; it is called again only after failures that another connection may not have.
    using work = std::function<net::task<outcome<void>>(session& on, int try_number)>;

    pool(net::loop& home, url site, pool_settings settings);
    ~pool();
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;

    /// Runs `what` on the next free connection. `what` must live until the result is there.
    net::task<outcome<void>> run(const work& what);

    /// Ends everything that runs or waits, with errc::cancelled.
    void cancel();
    /// The same, but connections whose transfers end by ABOR stay open, and so do those without work. After resume(), work
    /// can run again; calls of run() that have not noticed the interruption go on.
    void interrupt();
    void resume();
    /// Any thread.
    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }

    /// Closes all connections with QUIT. REQUIRES: nothing runs.
    net::task<> close();

    /// The maximum number of connections, as far as it is known.
    [[nodiscard]] std::size_t limit() const noexcept { return limit_ - (is_trial_ ? 1 : 0); }
    /// What is known now: from earlier runs, as far as this one has not found something else.
    [[nodiscard]] const site_facts& learned() const noexcept { return learned_; }
    /// How many pieces of work should run or wait at a time, so that each connection has one.
    [[nodiscard]] std::size_t lanes() const noexcept { return settings_.connections; }
    [[nodiscard]] const url& site() const noexcept { return site_; }
    [[nodiscard]] net::loop& home() noexcept { return home_; }

private:
    struct member;
    struct attempt_result;

    net::task<member*> acquire();
    member* add_member();
    net::task<attempt_result> try_on(member& m, const work& what, int try_number);
    template <class Done>
    net::task<> perform(member& m, const work& what, int try_number, bool pipelined, attempt_result& out,
                        std::shared_ptr<Done> done);
    void end_waits();
    void lower_limit(std::size_t to);
    void count_success();
    void note_opened();
    /// True if the failure may be due to pipelining.
    [[nodiscard]] bool note_pipelining(const attempt_result& result);
    /// Gives the connection to the next work, or ends it.
    net::task<> release(member& m, bool usable);
    net::task<> end(std::unique_ptr<member> m);
    net::task<> wait_before(int try_number);
    void wake_one();

    net::loop& home_;
    url site_;
    pool_settings settings_;
    site_facts learned_;
    std::size_t limit_;
    /// No connection has been opened since the limit was raised.
    bool is_trial_ = false;
    std::size_t successes_ = 0;
    std::size_t raise_after_;
    bool pipelines_;
    /// Sessions in a row that were lost while they pipelined.
    int lost_while_pipelining_ = 0;
    std::vector<std::unique_ptr<member>> members_;
    /// Work that waits for a connection, in order.
    std::deque<net::event*> queue_;
    /// Work that waits for its next try.
    std::vector<net::event*> pauses_;
    /// Why no connection can be opened, such as a wrong password: it is not tried again for the next work.
    std::optional<failure> unopenable_;
    /// A session has been opened, so the server exists and accepts the login.
    bool was_open_ = false;
    std::atomic<bool> cancelled_ = false;
};

/// Whether the same work may succeed on another connection: this one was lost, or the server asked to come again.
[[nodiscard]] bool may_succeed_later(const failure& f) noexcept;

}  // namespace sallyport::client
