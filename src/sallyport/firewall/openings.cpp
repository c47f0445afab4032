#include <sallyport/firewall/openings.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/firewall/nft_table.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/offload.hpp>

namespace sallyport::firewall {
namespace {

// A close and the end of the opening's time can meet in the kernel, which then refuses the close; the next one goes through.
constexpr int close_attempts = 3;
// The system's settings are read anew after this: reading them takes longer than an opening.
constexpr auto forwarding_memory = std::chrono::seconds(1);

}  // namespace

struct lease::keeper {
    explicit keeper(std::unique_ptr<table> t) : kernel(std::move(t)) {}

    struct waiting {
        change wanted;
        // A close has none.
        std::move_only_function<void(result<void>)> answer;
    };

    void ask(waiting w) {
        const std::scoped_lock lock(mutex);
        queue.push_back(std::move(w));
        if (!std::exchange(busy, true)) thread.submit([this] { work(); });
    }

    // On the thread.
    void work();
    void commit(std::vector<waiting> taken);
    result<void> commit_one(const change& c);

    std::unique_ptr<table> kernel;
    // This and the next on the thread alone.
    forwarding allowed;
    net::deadline read_again{};
    std::mutex mutex;
    std::deque<waiting> queue;
    bool busy = false;
    // The last member: its end waits for what uses the others.
    net::worker_pool thread{1};
};

void lease::keeper::work() {
    for (;;) {
        std::vector<waiting> taken;
        {
            const std::scoped_lock lock(mutex);
            busy = !queue.empty();
            if (!busy) return;
            const auto end = queue.begin() + static_cast<std::ptrdiff_t>(std::min(queue.size(), limits::openings_at_once));
            taken.assign(std::make_move_iterator(queue.begin()), std::make_move_iterator(end));
            queue.erase(queue.begin(), end);
        }
        commit(std::move(taken));
    }
}

void lease::keeper::commit(std::vector<waiting> taken) {
    if (const auto now = net::clock::now(); now >= read_again) {
        allowed = forwarding::of_system();
        read_again = now + forwarding_memory;
    }
    std::vector<change> good;
    std::vector<waiting> asked;
    for (auto& w : taken) {
        auto possible = w.wanted.kind == change_kind::close ? result<void>() : can_lead(w.wanted.what, allowed);
        if (!possible) {
            w.answer(std::move(possible));
            continue;
        }
        good.push_back(w.wanted);
        asked.push_back(std::move(w));
    }
    if (good.empty()) return;
    const auto all = kernel->commit(good);
    for (auto& w : asked) {
        auto one = all || asked.size() == 1 ? all : commit_one(w.wanted);
        if (!one && !w.answer) one = commit_one(w.wanted);
        if (w.answer)
            w.answer(std::move(one));
        else if (!one)
            log::error({}, "An opening could not be closed: " + one.error().text());
    }
}

/// Where one of many may be what the kernel refused.
result<void> lease::keeper::commit_one(const change& c) {
    auto done = kernel->commit({&c, 1});
    for (int i = 1; !done && c.kind == change_kind::close && i < close_attempts; ++i) done = kernel->commit({&c, 1});
    return done;
}

// ---- lease

lease& lease::operator=(lease&& other) noexcept {
    if (this == &other) return *this;
    end();
    from_ = std::move(other.from_);
    what_ = other.what_;
    return *this;
}

void lease::end() noexcept {
    if (from_) from_->ask({{change_kind::close, what_}, {}});
    from_.reset();
}

std::optional<std::chrono::milliseconds> lease::left() const {
    if (!from_) return std::nullopt;
    return from_->kernel->left(what_);
}

opening_use lease::use() const { return from_->kernel->use_of(what_); }

// ---- openings

openings::openings(std::unique_ptr<table> carried_out_by)
    : keeper_(std::make_shared<lease::keeper>(std::move(carried_out_by))) {}

result<openings> openings::in_kernel() {
    auto made = nft_table::make();
    if (!made) return std::unexpected(std::move(made).error());
    return openings(std::move(*made));
}

net::task<result<lease>> openings::admit(net::loop& home, opening what, net::time_limit limit) const {
    // Shared with the thread, which may answer when the waiter is gone.
    struct question {
        explicit question(net::loop& l) : answered(l) {}
        net::event answered;
        result<void> answer;
    };
    const auto keeper = keeper_;
    const auto asked = std::make_shared<question>(home);
    auto answer = [waiter = std::weak_ptr(asked), mail = home.mail()](result<void> a) {
        mail->post([waiter, a = std::move(a)]() mutable {
            const auto q = waiter.lock();
            if (!q) return;
            q->answer = std::move(a);
            q->answered.set();
        });
    };
    keeper->ask({{change_kind::open, what}, std::move(answer)});
    const bool in_time = co_await asked->answered.wait(limit.next(net::clock::now()));
    if (in_time && !asked->answer) co_return std::unexpected(std::move(asked->answer).error());
    // Whatever comes now, it is closed again.
    lease made(keeper, std::move(what));
    if (!in_time) co_return fail(errc::timeout, "the kernel takes no changes of its NAT rules at the moment");
    co_return made;
}

}  // namespace sallyport::firewall
