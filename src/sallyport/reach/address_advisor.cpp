#include <sallyport/reach/address_advisor.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::reach {

/// A host name and what it was at the last look.
struct followed_name {
    explicit followed_name(std::string n) : name(std::move(n)) {}
    const std::string name;
    // So that a failure is logged once, not every minute.
    bool failing = false;
    std::optional<ip_address> current;
};

struct address_advisor::impl {
    impl(net::loop& l, std::vector<address_rule> all, std::chrono::seconds every, name_resolver r)
        : home(l), rules(by_precedence(std::move(all))), refresh(every), resolver(std::move(r)), stopped(l) {
        for (const auto& rule : rules)
            if (!rule.address.empty() && !ip_address::parse(rule.address) && find(rule.address) == nullptr)
                names.emplace_back(rule.address);
        if (!resolver) resolver = &net::resolve;
    }

    [[nodiscard]] const followed_name* find(const std::string& name) const {
        const auto found = std::ranges::find(names, name, &followed_name::name);
        return found == names.end() ? nullptr : &*found;
    }
    static net::task<result<void>> look_up(std::shared_ptr<impl> self, followed_name& which);
    static net::task<> follow(std::shared_ptr<impl> self);
    void learn(followed_name& which, const ip_address& address);
    [[nodiscard]] std::optional<advice> by_rule(const visitor& to) const;

    net::loop& home;
    const std::vector<address_rule> rules;
    const std::chrono::seconds refresh;
    name_resolver resolver;
    net::event stopped;
    std::atomic<bool> stop_asked{false};

    // What they are now is guarded:
    std::deque<followed_name> names;
    mutable std::mutex mutex;
};

net::task<result<void>> address_advisor::impl::look_up(std::shared_ptr<impl> self, followed_name& which) {
    auto limit = net::time_limit::within(limits::connect);
    auto found = co_await self->resolver(self->home, which.name, limit);
    if (!found) co_return std::unexpected(found.error());
    // A 227 has room for IPv4 only.
    const auto v4 = std::ranges::find_if(*found, &ip_address::is_v4);
    if (v4 == found->end()) {
        co_return fail(errc::unresolved, which.name + ": the name has no IPv4 address, and a 227 reply needs one");
    }
    self->learn(which, *v4);
    co_return result<void>{};
}

net::task<> address_advisor::impl::follow(std::shared_ptr<impl> self) {
    for (bool stop = false; !stop; stop = co_await self->stopped.wait(net::clock::now() + self->refresh)) {
        for (auto& each : self->names) {
            const auto found = co_await look_up(self, each);
            if (!found && !each.failing)
                log::warning({}, fmt::format("Cannot resolve external address {}: {}; {}", escape(each.name),
                                             escape(found.error().text()),
                                             each.current ? "keeping the previous one"
                                                          : "advertising the client destination until it resolves"));
            each.failing = !found;
        }
    }
}

void address_advisor::impl::learn(followed_name& which, const ip_address& address) {
    std::optional<ip_address> before;
    {
        const std::lock_guard lock(mutex);
        before = std::exchange(which.current, address);
    }
    if (before != address) {
        log::info({}, before ? fmt::format("External address {} changed from {} to {}", escape(which.name), before->text(),
                                           address.text())
                             : fmt::format("External address {} is {}", escape(which.name), address.text()));
    }
}

std::optional<advice> address_advisor::impl::by_rule(const visitor& to) const {
    const auto rule = std::ranges::find_if(rules, [&to](const address_rule& r) { return r.holds_for(to); });
    if (rule == rules.end() || rule->address.empty()) return std::nullopt;
    if (const auto literal = ip_address::parse(rule->address)) return advice{*literal, "external address"};
    const std::lock_guard lock(mutex);
    const auto now = find(rule->address)->current;
    return now ? std::optional(advice{*now, "name " + rule->address}) : std::nullopt;
}

address_advisor::address_advisor(net::loop& home, std::vector<address_rule> rules, std::chrono::seconds refresh,
                                 name_resolver resolver)
    : impl_(std::make_shared<impl>(home, std::move(rules), refresh, std::move(resolver))) {}

address_advisor::~address_advisor() { stop(); }

void address_advisor::start() {
    if (!impl_->names.empty()) impl_->home.spawn("external address", impl::follow(impl_));
}

void address_advisor::learn_from(const address_advisor& other) {
    const std::scoped_lock lock(impl_->mutex, other.impl_->mutex);
    for (auto& each : impl_->names)
        if (const auto* known = other.impl_->find(each.name)) each.current = known->current;
}

void address_advisor::stop() {
    if (impl_->names.empty() || impl_->stop_asked.exchange(true)) return;
    impl_->home.post([self = impl_] { self->stopped.set(); });
}

std::optional<advice> address_advisor::advertise(const visitor& to) const {
    if (auto by_rule = impl_->by_rule(to)) return by_rule;
    if (to.reached.address.is_v4()) return advice{to.reached.address, "the address the client reached"};
    return std::nullopt;
}

}  // namespace sallyport::reach
