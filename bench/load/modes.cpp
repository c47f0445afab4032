#include <load/modes.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <load/conversation.hpp>

namespace sallyport::load {
namespace {

using namespace std::chrono_literals;

// Maximum time without data from the server; the run fails after it.
constexpr auto silence = 20s;
// Sessions that are opened at a time: below the backlog of the reference server with the shortest one.
constexpr unsigned openers = 16;

/// State that the workers of a run share.
struct run_state {
    const options& wanted;
    measurement& out;
    reactor loop;
    ssl_context tls;
    unsigned opening = 0;  // workers that have not logged in yet
    std::vector<std::coroutine_handle<>> at_start;
    std::uint64_t begun = 0;
    std::vector<std::unique_ptr<conversation>> held;  // until the end
    std::vector<task<result<void>>> workers;          // they use all of the above
    std::size_t workers_started = 0;

    run_state(const options& o, measurement& m) : wanted(o), out(m) {}

    /// Whether a worker may start another operation.
    bool next() { return wanted.count ? begun++ < *wanted.count : has_time(); }

    [[nodiscard]] bool has_time() const {
        return std::chrono::duration<double>(clock::now() - out.started()).count() < wanted.seconds;
    }

    void start_worker() {
        if (workers_started < workers.size()) workers[workers_started++].start();
    }

    void opened_or_failed() {
        start_worker();
        if (--opening > 0) return;
        out.start();
        for (auto waiting : std::exchange(at_start, {})) waiting.resume();
    }
};

/// The login is not measured for persistent sessions: all wait here until the last one has logged in.
struct common_start {
    run_state& run;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> self) const {
        if (run.opening == 1) {
            run.opened_or_failed();
            return false;
        }
        run.at_start.push_back(self);
        run.opened_or_failed();
        return true;
    }
    void await_resume() const noexcept {}
};

/// One operation of a persistent session; returns the number of bytes.
task<result<std::uint64_t>> operation(conversation& session, const options& wanted, unsigned index) {
    if (wanted.what == mode::noop || wanted.what == mode::pasv) {
        auto answered = co_await session.command(wanted.what == mode::noop ? "NOOP" : "PASV");
        if (!answered) co_return std::unexpected(answered.error());
        co_return 0;
    }
    if (wanted.what == mode::put) {
        auto line = "STOR " + wanted.path + "-" + std::to_string(index);
        auto stored = co_await session.store(std::move(line), wanted.size);
        if (!stored) co_return std::unexpected(stored.error());
        co_return wanted.size;
    }
    const char* const verb = wanted.what == mode::list ? "LIST " : wanted.what == mode::mlsd ? "MLSD " : "RETR ";
    auto line = verb + wanted.path;
    auto received = co_await session.receive(std::move(line));
    co_return received;
}

/// Checks the content of one download before the measurement, which does not check it.
task<result<void>> check_content(conversation& session, const options& wanted) {
    std::ifstream file(wanted.expected, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    auto same = co_await session.expect("RETR " + wanted.path, content);
    co_return same;
}

task<result<void>> persistent_session(run_state& run, unsigned index) {
    run.held.push_back(std::make_unique<conversation>(run.loop, run.wanted, run.tls.get(), index));
    auto& session = *run.held.back();
    auto ready = co_await session.open();
    if (ready && !run.wanted.expected.empty() && index == 0) ready = co_await check_content(session, run.wanted);
    if (!ready) {
        run.opened_or_failed();
        co_return ready;
    }
    co_await common_start{run};
    session.received().start();
    while (run.next()) {
        const auto begun = clock::now();
        auto done = co_await operation(session, run.wanted, index);
        if (!done) co_return std::unexpected(done.error());
        if (run.wanted.what != mode::share) run.out.finished(begun, *done);
    }
    auto ended = co_await session.quit();
    co_return ended;
}

task<result<void>> whole_sessions(run_state& run, unsigned index) {
    while (run.next()) {
        const auto begun = clock::now();
        conversation session(run.loop, run.wanted, run.tls.get(), index);
        auto opened = co_await session.open();
        if (!opened) co_return opened;
        auto got = co_await session.receive("RETR " + run.wanted.path);
        if (!got) co_return std::unexpected(got.error());
        auto ended = co_await session.quit();
        if (!ended) co_return ended;
        run.out.finished(begun, *got);
    }
    co_return result<void>{};
}

task<result<void>> opener(run_state& run) {
    while (run.next()) {
        const auto begun = clock::now();
        const auto index = static_cast<unsigned>(run.held.size());
        run.held.push_back(std::make_unique<conversation>(run.loop, run.wanted, run.tls.get(), index));
        auto& session = *run.held.back();
        auto opened = co_await session.open();
        if (!opened) co_return opened;
        run.out.finished(begun, 0);
    }
    co_return result<void>{};
}

void start_workers(run_state& run) {
    const auto what = run.wanted.what;
    const bool persistent = what != mode::hold && what != mode::sessions;
    const unsigned count = what == mode::hold ? openers : run.wanted.connections;
    if (!persistent) run.out.start();
    run.opening = count;
    for (unsigned i = 0; i < count; ++i) {
        if (what == mode::hold) {
            run.workers.push_back(opener(run));
        } else if (what == mode::sessions) {
            run.workers.push_back(whole_sessions(run, i));
        } else {
            run.workers.push_back(persistent_session(run, i));
        }
    }
    // Each persistent session that has logged in starts one more.
    for (unsigned i = 0; i < (persistent ? openers : count); ++i) run.start_worker();
}

bool all_done(const run_state& run) {
    return std::ranges::all_of(run.workers, [](const auto& worker) { return worker.done(); });
}

/// Each session's share of the time is one operation.
void cut_off(run_state& run) {
    for (const auto& session : run.held) {
        auto& received = session->received();
        received.end();
        run.out.waited(received.longest_wait());
        run.out.finished(run.out.started(), received.bytes());
    }
}

}  // namespace

result<void> run(const options& wanted, measurement& out, void (*until_released)(measurement&)) {
    run_state state(wanted, out);
    if (wanted.tls) {
        auto context = make_client_context();
        if (!context) return std::unexpected(context.error());
        state.tls = std::move(*context);
    }
    start_workers(state);
    const bool share = wanted.what == mode::share;
    while (!all_done(state)) {
        // A server may starve all sessions until the end.
        const bool may_be_silent = share && state.opening == 0;
        if (may_be_silent && !state.has_time()) break;
        if (!state.loop.turn(may_be_silent ? 10ms : silence) && !may_be_silent)
            return fail(errc::timeout, "the server sent nothing for " + std::to_string(silence.count()) + " s");
    }
    if (share) cut_off(state);
    for (const auto& worker : state.workers)
        if (worker.done() && !worker.value()) out.failed(worker.value().error());
    if (wanted.what == mode::hold) until_released(out);
    return {};
}

}  // namespace sallyport::load
