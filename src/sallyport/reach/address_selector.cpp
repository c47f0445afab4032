#include <sallyport/reach/address_selector.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>

#include <fmt/format.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/stream.hpp>

namespace sallyport::reach {

/// A host name with the address of its last successful lookup.
struct resolved_name {
    explicit resolved_name(std::string n) : name(std::move(n)) {}
    const std::string name;
    // The last lookup failed. A failure is logged once, not at every lookup.
    bool failing = false;
    std::optional<ip_address> current;
};

struct address_selector::impl {
    impl(net::loop& l, std::vector<address_rule> all, std::shared_ptr<const mapped_ports> mapped,
         std::shared_ptr<const own_networks> networks, std::chrono::seconds interval, name_resolver r)
        : loop(l),
          rules(by_precedence(std::move(all))),
          router(std::move(mapped)),
          own(std::move(networks)),
          refresh(interval),
          resolver(std::move(r)),
          stopped(l) {
        for (const auto& rule : rules)
            if (!rule.address.empty() && !rule.is_automatic() && !ip_address::parse(rule.address) &&
                find(rule.address) == nullptr)
                names.emplace_back(rule.address);
        if (!resolver) resolver = &net::resolve;
    }

    [[nodiscard]] const resolved_name* find(const std::string& name) const {
        const auto found = std::ranges::find(names, name, &resolved_name::name);
        return found == names.end() ? nullptr : &*found;
    }
    static net::task<result<void>> resolve(std::shared_ptr<impl> self, resolved_name& entry);
    static net::task<> resolve_periodically(std::shared_ptr<impl> self);
    void set_address(resolved_name& entry, const ip_address& address);
    [[nodiscard]] std::optional<advertised_address> select_by_rule(const client_info& client) const;

    net::loop& loop;
    const std::vector<address_rule> rules;
    const std::shared_ptr<const mapped_ports> router;
    const std::shared_ptr<const own_networks> own;
    const std::chrono::seconds refresh;
    name_resolver resolver;
    net::event stopped;
    std::atomic<bool> stop_requested{false};

    // `mutex` guards the current address of each name.
    std::deque<resolved_name> names;
    mutable std::mutex mutex;
};

net::task<result<void>> address_selector::impl::resolve(std::shared_ptr<impl> self, resolved_name& entry) {
    auto limit = net::time_limit::within(limits::connect_timeout);
    auto found = co_await self->resolver(self->loop, entry.name, limit);
    if (!found) co_return std::unexpected(found.error());
    // A 227 reply can carry an IPv4 address only.
    const auto v4 = std::ranges::find_if(*found, &ip_address::is_v4);
    if (v4 == found->end()) {
        co_return fail(errc::unresolved, entry.name + ": the name has no IPv4 address, and a 227 reply needs one");
    }
    self->set_address(entry, *v4);
    co_return result<void>{};
}

net::task<> address_selector::impl::resolve_periodically(std::shared_ptr<impl> self) {
    for (bool stop = false; !stop; stop = co_await self->stopped.wait(net::clock::now() + self->refresh)) {
        for (auto& each : self->names) {
            const auto found = co_await resolve(self, each);
            if (!found && !each.failing)
                log::warning({}, fmt::format("Cannot resolve external address {}: {}; {}", escape(each.name),
                                             escape(found.error().text()),
                                             each.current ? "keeping the previous one"
                                                          : "advertising the client destination until it resolves"));
            each.failing = !found;
        }
    }
}

void address_selector::impl::set_address(resolved_name& entry, const ip_address& address) {
    std::optional<ip_address> before;
    {
        const std::lock_guard lock(mutex);
        before = std::exchange(entry.current, address);
    }
    if (before != address) {
        log::info({}, before ? fmt::format("External address {} changed from {} to {}", escape(entry.name), before->text(),
                                           address.text())
                             : fmt::format("External address {} is {}", escape(entry.name), address.text()));
    }
}

std::optional<advertised_address> address_selector::impl::select_by_rule(const client_info& client) const {
    const auto rule = std::ranges::find_if(rules, [&client](const address_rule& r) { return r.matches(client); });
    if (rule == rules.end() || rule->address.empty()) return std::nullopt;
    if (const auto literal = ip_address::parse(rule->address)) return advertised_address{*literal, true};
    if (rule->is_automatic()) {
        const auto now = router ? router->address() : std::nullopt;
        if (!now || !client.address.is_v4() || own->is_local(client.address)) return std::nullopt;
        return advertised_address{*now, true};
    }
    const std::lock_guard lock(mutex);
    const auto now = find(rule->address)->current;
    return now ? std::optional(advertised_address{*now, true}) : std::nullopt;
}

address_selector::address_selector(net::loop& loop, std::vector<address_rule> rules,
                                   std::shared_ptr<const mapped_ports> router, std::shared_ptr<const own_networks> own,
                                   std::chrono::seconds refresh, name_resolver resolver)
    : impl_(
          std::make_shared<impl>(loop, std::move(rules), std::move(router), std::move(own), refresh, std::move(resolver))) {}

address_selector::~address_selector() { stop(); }

void address_selector::start() {
    if (impl_->names.empty()) return;
    net::keep_running(impl_->loop, "external address", [self = impl_] { return impl::resolve_periodically(self); });
}

void address_selector::copy_addresses_from(const address_selector& other) {
    const std::scoped_lock lock(impl_->mutex, other.impl_->mutex);
    for (auto& each : impl_->names)
        if (const auto* known = other.impl_->find(each.name)) each.current = known->current;
}

void address_selector::stop() {
    if (impl_->names.empty() || impl_->stop_requested.exchange(true)) return;
    impl_->loop.post([self = impl_] { self->stopped.set(); });
}

std::optional<advertised_address> address_selector::select(const client_info& client) const {
    if (auto selected = impl_->select_by_rule(client)) return selected;
    if (client.client_destination.address.is_v4()) return advertised_address{client.client_destination.address};
    return std::nullopt;
}

}  // namespace sallyport::reach
