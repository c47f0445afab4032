#include <sallyport/client/pool.hpp>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <sallyport/client/lanes.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::client {

namespace {

failure cancelled_failure() { return {step::request, error{errc::cancelled, 0, {}}, 0, {}, {}}; }

failure out_of_memory() {
    return {step::local_file, error{errc::exhausted, ENOMEM, "not enough memory for the transfer"}, 0, {}, {}};
}

bool has_no_room(const failure& f) { return f.reply_code == 421 || f.reason == refusal::too_many; }

/// Why one more connection could not be opened, while there are others: servers and firewalls with a maximum refuse in many
/// ways, also with the text for a wrong password. But a network that is lost is lost for all.
bool is_of_one_connection(const failure& f) {
    return f.cause.code != errc::timeout && f.cause.code != errc::unreachable && f.cause.code != errc::unresolved &&
           f.cause.code != errc::cancelled;
}

net::task<> cancel_session(std::shared_ptr<session> running) { co_await running->cancel(); }
net::task<> interrupt_session(std::shared_ptr<session> running) { co_await running->interrupt(); }

template <class Done>
net::task<> close_session(std::shared_ptr<session>& running, std::shared_ptr<Done> done) {
    if (running) co_await running->quit();
    running.reset();
    (*done)();
}

/// Keeps the function that resumes the work's coroutine: it is called whether or not a coroutine can be started for it.
template <class Done>
std::shared_ptr<Done> shared(Done done) {
    return std::make_shared<Done>(std::move(done));
}

}  // namespace

struct pool::member {
    net::loop_group loops{1};
    /// On the thread of the loop only.
    std::shared_ptr<session> link;
    bool is_busy = true;
    std::jthread thread{[this] { loops.run(); }};

    member() = default;
    member(const member&) = delete;
    member& operator=(const member&) = delete;
    ~member() {
        loops.stop();
        thread.join();
    }
    [[nodiscard]] net::loop& loop() { return loops.at(0); }
};

struct pool::attempt_result {
    outcome<void> got = std::unexpected(cancelled_failure());
    /// The session had not been opened.
    bool at_open = false;
    bool is_usable = false;
    bool was_pipelined = false;
    std::vector<attempt> attempts;
};

namespace {

/// While a data connection is negotiated, a control connection that was lost is a failure of the data connection.
bool was_lost_at_negotiation(const auto& result) {
    const auto& why = result.got.error();
    return !result.at_open && !result.is_usable && why.at == step::data &&
           (why.cause.code == errc::closed || why.cause.code == errc::reset);
}

/// A server that restarts refuses connections, and a network that is lost has no name server.
bool may_be_back_later(const auto& result) {
    const auto code = result.got.error().cause.code;
    return result.at_open && (code == errc::refused || code == errc::unresolved);
}

}  // namespace

bool may_succeed_later(const failure& f) noexcept {
    if (f.cause.code == errc::cancelled || f.cause.code == errc::misuse) return false;
    if (has_no_room(f)) return true;
    // The server did not have, or lost, the data connection. Without any data connection, it is a firewall.
    if (f.reply_code == 425 || f.reply_code == 426) return f.at == step::transfer || f.at == step::request;
    if (f.reply_code != 0) return false;
    switch (f.cause.code) {
        case errc::closed:
        case errc::reset:
        case errc::truncated:
        case errc::timeout:
        case errc::stray_reply:
        case errc::unreachable: return f.at != step::data && f.at != step::local_file;
        case errc::refused: return f.at == step::transfer;
        default: return false;
    }
}

pool::pool(net::loop& home, url site, pool_settings settings)
    : home_(home),
      site_(std::move(site)),
      settings_(std::move(settings)),
      learned_(settings_.known),
      limit_(std::min(settings_.connections, learned_.connections.value_or(settings_.connections))),
      raise_after_(settings_.raise_after),
      pipelines_(settings_.pipelining && !learned_.fails_pipelining) {}

pool::~pool() = default;

// ---- Work

net::task<outcome<void>> pool::run(const work& what) {
    for (int try_number = 1;;) {
        auto* const m = co_await acquire();
        if (unopenable_ && !cancelled_) co_return std::unexpected(*unopenable_);
        if (m == nullptr) co_return std::unexpected(cancelled_failure());
        auto result = co_await try_on(*m, what, try_number);
        const auto others = members_.size() - 1;
        learned_.method = method_after(learned_.method, result.attempts);
        if (!result.at_open) note_opened();
        const bool repeat_alone = note_pipelining(result) && !cancelled_;
        const bool may_repeat = !result.got && (may_succeed_later(result.got.error()) || was_lost_at_negotiation(result) ||
                                                (was_open_ && may_be_back_later(result)));
        const bool is_last = !result.got && (!may_repeat || try_number >= settings_.tries);
        // Also after the last try, since the other connections may do the work: a firewall can drop what is too many.
        const bool no_room = result.at_open && others > 0 && (is_last || is_of_one_connection(result.got.error()));
        if (no_room) lower_limit(others);
        if (result.got) count_success();
        if (result.at_open && is_last && others == 0 && !cancelled_) unopenable_ = result.got.error();
        co_await release(*m, result.is_usable);
        if (result.got || cancelled_) co_return std::move(result.got);
        if (no_room || repeat_alone) continue;
        if (is_last) co_return std::move(result.got);
        co_await wait_before(++try_number);
    }
}

void pool::lower_limit(std::size_t to) {
    if (std::exchange(is_trial_, false)) raise_after_ *= 2;
    limit_ = std::min(limit_, to);
    learned_.connections = limit_;
    successes_ = 0;
}

void pool::note_opened() {
    was_open_ = true;
    if (!std::exchange(is_trial_, false)) return;
    learned_.connections.reset();
    if (limit_ < settings_.connections) learned_.connections = limit_;
}

/// The server may have room again: others have left, or its limit was for a while.
void pool::count_success() {
    if (limit_ >= settings_.connections || is_trial_ || queue_.empty() || ++successes_ < raise_after_) return;
    successes_ = 0;
    ++limit_;
    is_trial_ = true;
    wake_one();
}

bool pool::note_pipelining(const attempt_result& result) {
    if (!result.was_pipelined || result.at_open) return false;
    if (result.got || result.is_usable) {
        lost_while_pipelining_ = 0;
        return false;
    }
    const auto code = result.got.error().cause.code;
    const bool is_lost = code == errc::closed || code == errc::reset || code == errc::truncated || code == errc::unreachable;
    lost_while_pipelining_ += is_lost ? 1 : 2;
    if (lost_while_pipelining_ >= 2) {
        pipelines_ = false;
        learned_.fails_pipelining = true;
    }
    return !is_lost;
}

net::task<pool::attempt_result> pool::try_on(member& m, const work& what, int try_number) {
    attempt_result out;
    out.was_pipelined = pipelines_;
    auto on_its_loop = [&](auto done) {
        m.loop().post([this, &m, &what, try_number, &out, done = shared(std::move(done))] {
            try {
                m.loop().spawn("work on a connection", perform(m, what, try_number, out.was_pipelined, out, done));
            } catch (...) {
                out.got = std::unexpected(out_of_memory());
                (*done)();
            }
        });
    };
    co_await net::call_on_other_thread(home_, std::move(on_its_loop), [] {});
    co_return std::move(out);
}

template <class Done>
net::task<> pool::perform(member& m, const work& what, int try_number, bool pipelined, attempt_result& out,
                          std::shared_ptr<Done> done) {
    try {
        // interrupt() may have come just after the work that it was for.
        if (m.link && !m.link->is_usable()) m.link.reset();
        if (!m.link) {
            m.link = std::make_shared<session>(m.loop(), settings_.session_options(m.loop()));
            // cancel() may have looked before there was a session.
            if (cancelled_) co_await m.link->cancel();
            auto opened = co_await m.link->open(site_);
            out.at_open = !opened;
            if (!opened) out.got = std::unexpected(std::move(opened.error()));
        }
        if (!out.at_open) {
            m.link->set_pipelining(pipelined);
            auto got = co_await what(*m.link, try_number);
            out.got = std::move(got);
            out.attempts = m.link->attempts();
            out.is_usable = m.link->is_usable();
        }
    } catch (...) {
        out.got = std::unexpected(out_of_memory());
        out.is_usable = false;
    }
    (*done)();
}

// ---- Connections

net::task<pool::member*> pool::acquire() {
    while (!cancelled_ && !unopenable_) {
        for (const auto& m : members_)
            if (!std::exchange(m->is_busy, true)) co_return m.get();
        if (members_.size() < limit_) {
            if (auto* const added = add_member()) co_return added;
            continue;
        }
        net::event turn(home_);
        queue_.push_back(&turn);
        (void)co_await turn.wait(net::deadline::max());
        std::erase(queue_, &turn);
    }
    co_return nullptr;
}

/// Nothing if this machine has no thread or descriptors for another connection: those that there are do the work.
pool::member* pool::add_member() {
    try {
        return members_.emplace_back(std::make_unique<member>()).get();
    } catch (const std::exception& e) {
        limit_ = members_.size();
        if (limit_ > 0) return nullptr;
        const error cause{errc::exhausted, 0,
                          fmt::format("this machine has no room for a connection ({}); see 'ulimit -a'", e.what())};
        unopenable_ = failure{step::connect, cause, 0, {}, {}};
        wake_one();
        return nullptr;
    }
}

net::task<> pool::release(member& m, bool usable) {
    if (usable) {
        m.is_busy = false;
    } else {
        const auto found = std::ranges::find(members_, &m, &std::unique_ptr<member>::get);
        auto ended = std::move(*found);
        members_.erase(found);
        co_await end(std::move(ended));
    }
    wake_one();
}

net::task<> pool::end(std::unique_ptr<member> m) {
    auto on_its_loop = [&m](auto done) {
        m->loop().post([&m, done = shared(std::move(done))] {
            try {
                m->loop().spawn("closing a connection", close_session(m->link, done));
            } catch (...) {
                m->link.reset();
                (*done)();
            }
        });
    };
    co_await net::call_on_other_thread(home_, std::move(on_its_loop), [] {});
}

net::task<> pool::close() {
    auto all = std::exchange(members_, {});
    // Each waits for the reply to its own QUIT only.
    co_await run_lanes(home_, all.size(), [this, &all] {
        auto m = std::move(all.back());
        all.pop_back();
        return end(std::move(m));
    });
}

void pool::cancel() {
    end_waits();
    for (const auto& m : members_)
        m->loop().post([each = m.get()] {
            if (each->link) each->loop().spawn("cancelling", cancel_session(each->link));
        });
}

void pool::interrupt() {
    end_waits();
    for (const auto& m : members_) {
        if (!m->is_busy) continue;
        m->loop().post([each = m.get()] {
            if (each->link) each->loop().spawn("interrupting", interrupt_session(each->link));
        });
    }
}

void pool::resume() {
    cancelled_ = false;
    unopenable_.reset();
}

// ---- Waiting

void pool::end_waits() {
    cancelled_ = true;
    for (auto* each : queue_) each->set();
    for (auto* each : pauses_) each->set();
}

void pool::wake_one() {
    if (unopenable_)
        for (auto* each : queue_) each->set();
    for (auto* each : queue_) {
        if (each->is_set()) continue;
        each->set();
        return;
    }
}

net::task<> pool::wait_before(int try_number) {
    auto pause = settings_.pause;
    for (int i = 2; i < try_number && pause < settings_.longest_pause; ++i) pause *= 2;
    net::event ended(home_);
    pauses_.push_back(&ended);
    (void)co_await ended.wait(net::clock::now() + std::min(pause, settings_.longest_pause));
    std::erase(pauses_, &ended);
}

}  // namespace sallyport::client
