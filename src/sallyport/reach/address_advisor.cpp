#include <sallyport/reach/address_advisor.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::reach {

struct address_advisor::impl {
    impl(net::loop& l, std::string text, std::chrono::seconds every, name_resolver r)
        : home(l), external(std::move(text)), refresh(every), resolver(std::move(r)), stopped(l) {
        literal = ip_address::parse(external);
        current = literal;
        if (!resolver) resolver = &net::resolve;
    }

    [[nodiscard]] bool has_name() const noexcept { return !external.empty() && !literal; }
    static net::task<result<void>> look_up(std::shared_ptr<impl> self);
    static net::task<> follow(std::shared_ptr<impl> self);
    void learn(const ip_address& address);

    net::loop& home;
    const std::string external;
    const std::chrono::seconds refresh;
    name_resolver resolver;
    std::optional<ip_address> literal;
    net::event stopped;
    std::atomic<bool> stop_asked{false};
    bool failing = false;  // so that a failure is logged once, not every minute
    bool learned = false;

    mutable std::mutex mutex;
    std::optional<ip_address> current;
};

net::task<result<void>> address_advisor::impl::look_up(std::shared_ptr<impl> self) {
    auto limit = net::time_limit::within(limits::connect);
    auto found = co_await self->resolver(self->home, self->external, limit);
    if (!found) co_return std::unexpected(found.error());
    // A 227 has room for IPv4 only.
    const auto v4 = std::ranges::find_if(*found, &ip_address::is_v4);
    if (v4 == found->end()) {
        co_return fail(errc::unresolved, self->external + ": the name has no IPv4 address, and a 227 reply needs one");
    }
    self->learn(*v4);
    self->learned = true;
    co_return result<void>{};
}

net::task<> address_advisor::impl::follow(std::shared_ptr<impl> self) {
    for (bool stop = false; !stop; stop = co_await self->stopped.wait(net::clock::now() + self->refresh)) {
        const auto found = co_await look_up(self);
        if (!found && !self->failing)
            log::warning({},
                         fmt::format("external address {}: {}; {}", escape(self->external), escape(found.error().text()),
                                     self->learned ? "the last one stays in use"
                                                   : "PASV tells the address that the client reached until it resolves"));
        self->failing = !found;
    }
}

void address_advisor::impl::learn(const ip_address& address) {
    std::optional<ip_address> before;
    {
        const std::lock_guard lock(mutex);
        before = std::exchange(current, address);
    }
    if (before != address) {
        log::info({}, fmt::format("external address: {} is {}{}", escape(external), address.text(),
                                  before ? ", was " + before->text() : ""));
    }
}

address_advisor::address_advisor(net::loop& home, std::string external, std::chrono::seconds refresh, name_resolver resolver)
    : impl_(std::make_shared<impl>(home, std::move(external), refresh, std::move(resolver))) {}

address_advisor::~address_advisor() { stop(); }

void address_advisor::start() {
    if (impl_->has_name()) impl_->home.spawn("external address", impl::follow(impl_));
}

void address_advisor::stop() {
    if (!impl_->has_name() || impl_->stop_asked.exchange(true)) return;
    impl_->home.post([self = impl_] { self->stopped.set(); });
}

// The client's own address plays no part yet: seen through NAT it says little about which address it can reach.
std::optional<advice> address_advisor::advertise(const ip_address& local, const ip_address&) const {
    {
        const std::lock_guard lock(impl_->mutex);
        if (impl_->current) return advice{*impl_->current, impl_->literal ? "external address" : "name " + impl_->external};
    }
    if (local.is_v4()) return advice{local, "the address the client reached"};
    return std::nullopt;
}

}  // namespace sallyport::reach
