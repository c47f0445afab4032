#include <sallyport/gate/passed_ports.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/firewall/table.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::gate {
namespace {

/// What the thread found, for a coroutine that may no longer wait for it.
template <class Value>
struct awaited_result {
    explicit awaited_result(net::loop& l) : done(l) {}
    net::event done;
    std::optional<result<Value>> value;
};

/// Where the thread reports the result.
template <class Value>
class result_receiver {
public:
    result_receiver(const std::shared_ptr<awaited_result<Value>>& waiter, net::loop& loop)
        : waiter_(waiter), poster_(loop.poster()) {}

    /// Otherwise the work need not be done.
    [[nodiscard]] bool is_waiting() const noexcept { return !waiter_.expired(); }
    void report(result<Value> got) const {
        poster_->post([weak = waiter_, got = std::move(got)]() mutable {
            const auto state = weak.lock();
            if (!state) return;
            state->value = std::move(got);
            state->done.set();
        });
    }

private:
    std::weak_ptr<awaited_result<Value>> waiter_;
    std::shared_ptr<net::loop_poster> poster_;
};

[[nodiscard]] auto too_late() { return fail(errc::timeout, "the kernel did not answer within the time limit"); }

}  // namespace

struct passed_ports::changer {
    explicit changer(const interception_settings& s)
        : pass_ports(s.pass_ports), end_passing(s.end_passing), data_moved(s.passed_data_moved) {}

    /// Returns what ends it. All work is done in the order of the calls, so the end may be requested before this is done.
    /// Work for which no session waits any more is left out.
    [[nodiscard]] std::uint64_t pass(std::size_t rule, firewall::owned_control_connections session,
                                     result_receiver<void> receiver);
    void end(std::uint64_t key);
    void ask(std::uint64_t key, result_receiver<bool> receiver);

    // These run on `thread`.
    result<void> pass_now(std::uint64_t key, std::size_t rule, const firewall::owned_control_connections& session);
    void end_now(std::uint64_t key);
    result<bool> ask_now(std::uint64_t key);
    void retry_ends();

    const decltype(interception_settings::pass_ports) pass_ports;
    const decltype(interception_settings::end_passing) end_passing;
    const decltype(interception_settings::passed_data_moved) data_moved;
    // Used by `thread`: the numbers of the helper, by key, and those that it has refused to end.
    std::map<std::uint64_t, std::uint32_t> numbers;
    std::vector<std::uint32_t> refused_ends;
    // Guards the following members.
    std::mutex mutex;
    std::uint64_t last_key = 0;
    // Started with the first change. The last member: its destructor waits for work, which uses the others.
    std::optional<net::worker_pool> thread;
};

std::uint64_t passed_ports::changer::pass(std::size_t rule, firewall::owned_control_connections session,
                                          result_receiver<void> receiver) {
    const std::scoped_lock lock(mutex);
    const auto key = ++last_key;
    if (!thread) thread.emplace(1);
    thread->submit([this, key, rule, session = std::move(session), receiver = std::move(receiver)] {
        if (receiver.is_waiting()) receiver.report(pass_now(key, rule, session));
    });
    return key;
}

void passed_ports::changer::end(std::uint64_t key) {
    const std::scoped_lock lock(mutex);
    thread->submit([this, key] { end_now(key); });
}

void passed_ports::changer::ask(std::uint64_t key, result_receiver<bool> receiver) {
    const std::scoped_lock lock(mutex);
    thread->submit([this, key, receiver = std::move(receiver)] {
        if (receiver.is_waiting()) receiver.report(ask_now(key));
    });
}

result<void> passed_ports::changer::pass_now(std::uint64_t key, std::size_t rule,
                                             const firewall::owned_control_connections& session) {
    retry_ends();
    if (!pass_ports || !end_passing) return fail(errc::unsupported, "this program has no helper process");
    const auto number = pass_ports(rule, session.client.get(), session.backend.get());
    if (!number) return std::unexpected(number.error());
    numbers.emplace(key, *number);
    return {};
}

// A change that got lost would leave ports open.
void passed_ports::changer::end_now(std::uint64_t key) {
    const use_memory_reserve reserve;
    retry_ends();
    const auto found = numbers.find(key);
    // They were not passed.
    if (found == numbers.end()) return;
    const auto number = found->second;
    numbers.erase(found);
    const auto ended = end_passing(number);
    if (ended) return;
    refused_ends.push_back(number);
    log::error({}, fmt::format("The ports of a session with TLS passthrough are still open to its client: {}; the gateway "
                               "tries again with the next session, and a restart closes them",
                               ended.error().text()));
}

result<bool> passed_ports::changer::ask_now(std::uint64_t key) {
    const auto found = numbers.find(key);
    if (found == numbers.end() || !data_moved) return false;
    return data_moved(found->second);
}

void passed_ports::changer::retry_ends() {
    std::erase_if(refused_ends, [this](std::uint32_t number) { return end_passing(number).has_value(); });
}

passed_ports::lease& passed_ports::lease::operator=(lease&& other) noexcept {
    if (this == &other) return *this;
    release();
    changer_ = std::move(other.changer_);
    key_ = other.key_;
    return *this;
}

void passed_ports::lease::release() noexcept {
    const use_memory_reserve reserve;
    if (changer_) changer_->end(key_);
    changer_.reset();
}

net::task<result<bool>> passed_ports::lease::data_moved(net::loop& loop, net::time_limit limit) const {
    if (!changer_) co_return false;
    const auto request = std::make_shared<awaited_result<bool>>(loop);
    changer_->ask(key_, result_receiver(request, loop));
    if (!co_await request->done.wait(limit.next(net::clock::now()))) co_return too_late();
    co_return std::move(*request->value);
}

passed_ports::passed_ports(const interception_settings& settings) : changer_(std::make_shared<changer>(settings)) {}

net::task<result<passed_ports::lease>> passed_ports::pass(net::loop& loop, std::size_t rule,
                                                          firewall::control_connections session,
                                                          net::time_limit limit) const {
    auto controls = firewall::owned_control_connections::duplicate(session);
    if (!controls) co_return std::unexpected(std::move(controls).error());
    const auto request = std::make_shared<awaited_result<void>>(loop);
    const auto by = changer_;
    // Its destructor takes back a change that the kernel makes too late.
    lease made(by, by->pass(rule, std::move(*controls), result_receiver(request, loop)));
    if (!co_await request->done.wait(limit.next(net::clock::now()))) co_return too_late();
    if (!*request->value) co_return std::unexpected(std::move(*request->value).error());
    co_return made;
}

}  // namespace sallyport::gate
