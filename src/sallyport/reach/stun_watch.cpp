#include <sallyport/reach/stun_watch.hpp>

#include <string>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::reach {

struct stun_watch::impl {
    impl(net::loop& l, std::vector<stun_server> s, receiver r)
        : loop(l), servers(std::move(s)), on_answers(std::move(r)), wake(l) {}

    static net::task<> run(std::shared_ptr<impl> self);
    void report(const std::vector<stun_attempt>& attempts);

    net::loop& loop;
    const std::vector<stun_server> servers;
    receiver on_answers;
    net::event wake;
    bool stopped = false;
    std::string reported;
};

net::task<> stun_watch::impl::run(std::shared_ptr<impl> self) {
    while (!self->stopped) {
        self->wake.clear();
        const auto attempts =
            co_await ask_stun_servers(self->loop, self->servers, net::time_limit::within(limits::stun_timeout));
        if (self->stopped) co_return;
        self->report(attempts);
        self->on_answers(answers_of(attempts));
        (void)co_await self->wake.wait(net::clock::now() + stun_interval);
    }
}

/// Logs what has changed since the last round: servers of which none has an answer are of interest once.
void stun_watch::impl::report(const std::vector<stun_attempt>& attempts) {
    std::string text;
    for (std::size_t i = 0; i + 1 < attempts.size(); i += 2) {
        if (attempts[i].seen || attempts[i + 1].seen) continue;
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", escape(attempts[i].server.text()),
                            escape(attempts[i].seen.error().text()));
    }
    if (!text.empty() && text != reported) log::warning({}, fmt::format("No answer of STUN servers: {}", text));
    reported = std::move(text);
}

stun_watch::stun_watch(net::loop& loop, std::vector<stun_server> servers, receiver on_answers)
    : impl_(std::make_shared<impl>(loop, std::move(servers), std::move(on_answers))) {}

void stun_watch::start() {
    net::keep_running(impl_->loop, "STUN", [self = impl_] { return impl::run(self); });
}

void stun_watch::stop() {
    impl_->stopped = true;
    impl_->wake.set();
}

}  // namespace sallyport::reach
