#include <sallyport/gate/backend_list.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/small_file.hpp>
#include <sallyport/gate/health_check.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/gate/self_connection_guard.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/file_watch.hpp>
#include <sallyport/net/keep_running.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::gate {
namespace {

constexpr auto lookup_timeout = std::chrono::seconds(10);
// Enough for tens of thousands of backends.
constexpr std::size_t max_file_bytes = std::size_t{4} * 1024 * 1024;
// After a change, the time in which programs that write a file in several steps have finished.
constexpr auto write_settle_time = std::chrono::milliseconds(50);

[[nodiscard]] std::string_view trimmed(std::string_view line) {
    const auto first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

[[nodiscard]] std::string service_name(const backend& b) {
    if (b.host.starts_with('_')) return b.host;
    return (b.tls == backend_tls::implicit ? "_ftps._tcp." : "_ftp._tcp.") + b.host;
}

}  // namespace

result<std::vector<backend>> parse_backend_lines(std::string_view text) {
    std::vector<backend> out;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        const auto line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty() || line.starts_with('#')) continue;
        auto parsed = backend::parse(line);
        if (!parsed) return fail(errc::syntax, fmt::format("line {}: {}", number, parsed.error().what));
        out.push_back(std::move(*parsed));
    }
    if (out.empty())
        return fail(errc::syntax, "the file lists no backend; to accept no sessions, list one with ?state=maintenance");
    return out;
}

result<backend_file> load_backend_file(const std::string& file) {
    auto text = read_small_file(file, max_file_bytes);
    if (!text) return std::unexpected(text.error());
    auto parsed = parse_backend_lines(*text);
    if (!parsed) return fail(parsed.error().code, fmt::format("{}, {}", file, parsed.error().what));
    return backend_file{std::move(*text), std::move(*parsed)};
}

std::vector<backend> resolve_to_backends(const backend& name, const std::vector<ip_address>& addresses) {
    std::vector<backend> out;
    for (const auto& address : addresses) {
        auto& b = out.emplace_back(name);
        b.discovered_by = discovery::none;
        b.tls_name = name.host;
        b.host = address.text();
    }
    return out;
}

backend resolve_to_backends(const backend& name, const net::srv_record& record, std::uint16_t largest_weight,
                            std::vector<ip_address> addresses) {
    auto b = name;
    b.discovered_by = discovery::none;
    b.host = record.target;
    b.port = record.port;
    b.addresses = std::move(addresses);
    b.parameters.priority = record.priority;
    const double scale =
        largest_weight > limits::max_backend_weight ? double(limits::max_backend_weight) / largest_weight : 1;
    b.parameters.weight = std::max(1U, static_cast<unsigned>(std::lround(record.weight * scale)));
    return b;
}

struct backend_list::impl {
    impl(net::loop& l, pool& p, health_checks& c, const self_connection_guard& o)
        : loop(l), backends(p), checks(c), guard(o), lookup_requested(l), file_watcher(l) {}

    std::vector<std::string> publish();
    void exclude_self(std::vector<backend>& list);
    void publish_and_log();
    void report(const std::string& source, const result<void>& outcome);
    result<void> apply_text(const std::string& text);
    static net::task<> resolve_all_names(std::shared_ptr<impl> self);
    static net::task<> resolve_name(std::shared_ptr<impl> self, backend name, std::optional<endpoint> server);
    static net::task<> watch_file(std::shared_ptr<impl> self);

    net::loop& loop;
    pool& backends;
    health_checks& checks;
    const self_connection_guard& guard;
    std::atomic<bool> stopped{false};

    // Loop thread
    // resolve_all_names() is running.
    bool resolving_names = false;
    // watch_file() is running.
    bool watching_file = false;
    net::event lookup_requested;
    net::file_watch file_watcher;
    // The last error of each name or file, so that it is logged once.
    std::map<std::string, std::string> failures;
    std::optional<net::worker_pool> disk;

    // Guards the rest.
    std::mutex mutex;
    std::vector<backend> from_settings;
    std::vector<backend> from_file;
    // The backends of each name.
    std::vector<std::pair<backend, std::vector<backend>>> discovered;
    std::string file;
    // The content of the file.
    std::string text;
    std::chrono::seconds interval{};
    std::optional<endpoint> server;
    // Excluded backends that were logged.
    std::set<std::string> excluded;
};

/// A name can be resolved to the gateway itself.
void backend_list::impl::exclude_self(std::vector<backend>& list) {
    std::set<std::string> excluded_now;
    std::erase_if(list, [&](const backend& b) {
        const auto allowed = guard.check_not_self({b});
        if (allowed) return false;
        excluded_now.insert(b.text());
        if (!excluded.contains(b.text())) log::error({}, fmt::format("Ignoring {}", allowed.error().what));
        return true;
    });
    excluded = std::move(excluded_now);
}

std::vector<std::string> backend_list::impl::publish() {
    // Held until the pool has the list, so that lists reach it in order.
    const std::scoped_lock lock(mutex);
    std::vector<backend> list;
    for (const auto* part : {&from_settings, &from_file}) {
        for (const auto& b : *part) {
            if (b.discovered_by == discovery::none) {
                list.push_back(b);
                continue;
            }
            const auto known = std::ranges::find(discovered, b, &decltype(discovered)::value_type::first);
            if (known != discovered.end()) list.insert(list.end(), known->second.begin(), known->second.end());
        }
    }
    exclude_self(list);
    auto changes = backends.set_backends(list);
    checks.update_list();
    return changes;
}

void backend_list::impl::publish_and_log() {
    for (const auto& change : publish()) log::info({}, change);
}

void backend_list::impl::report(const std::string& source, const result<void>& outcome) {
    if (outcome) {
        if (failures.erase(source) > 0) log::info({}, fmt::format("{}: succeeded again", source));
        return;
    }
    const auto failure = outcome.error().text();
    if (std::exchange(failures[source], failure) != failure)
        log::error({}, fmt::format("{}: {}; keeping the current backends", source, failure));
}

result<void> backend_list::impl::apply_text(const std::string& fresh) {
    auto parsed = parse_backend_lines(fresh);
    if (!parsed) return std::unexpected(parsed.error());
    if (auto others = guard.check_not_self(*parsed); !others) return others;
    const std::scoped_lock lock(mutex);
    text = fresh;
    from_file = std::move(*parsed);
    return {};
}

// ---- Names

net::task<> backend_list::impl::resolve_all_names(std::shared_ptr<impl> self) {
    while (!self->stopped) {
        self->lookup_requested.clear();
        std::vector<backend> names;
        std::optional<endpoint> server;
        net::clock::duration wait{};
        {
            const std::scoped_lock lock(self->mutex);
            std::ranges::copy_if(self->from_settings, std::back_inserter(names), &backend::needs_discovery);
            std::ranges::copy_if(self->from_file, std::back_inserter(names), &backend::needs_discovery);
            std::erase_if(self->discovered,
                          [&](const auto& one) { return std::ranges::find(names, one.first) == names.end(); });
            wait = self->interval;
            server = self->server;
        }
        for (const auto& name : names) {
            if (!self->stopped) co_await resolve_name(self, name, server);
        }
        (void)co_await self->lookup_requested.wait(names.empty() ? net::deadline::max() : net::clock::now() + wait);
    }
}

net::task<> backend_list::impl::resolve_name(std::shared_ptr<impl> self, backend name, std::optional<endpoint> server) {
    const auto limit = net::time_limit::within(lookup_timeout);
    std::vector<backend> servers;
    result<void> outcome;
    if (name.discovered_by == discovery::addresses) {
        const auto addresses = co_await net::find_addresses(self->loop, name.host, server, limit);
        if (addresses)
            servers = resolve_to_backends(name, *addresses);
        else
            outcome = std::unexpected(addresses.error());
    } else {
        const auto records = co_await net::find_service(self->loop, service_name(name), server, limit);
        if (!records) outcome = std::unexpected(records.error());
        const auto none = std::vector<net::srv_record>();
        const auto& all = records ? *records : none;
        std::uint16_t largest = 0;
        for (const auto& r : all) largest = std::max(largest, r.weight);
        for (const auto& r : all) {
            auto addresses = co_await net::find_addresses(self->loop, r.target, server, limit);
            if (!addresses) outcome = std::unexpected(addresses.error());
            if (!outcome) break;
            servers.push_back(resolve_to_backends(name, r, largest, std::move(*addresses)));
        }
    }
    if (self->stopped) co_return;
    self->report(name.text(), outcome);
    if (!outcome) co_return;
    {
        const std::scoped_lock lock(self->mutex);
        std::erase_if(self->discovered, [&](const auto& one) { return one.first == name; });
        self->discovered.emplace_back(name, std::move(servers));
    }
    self->publish_and_log();
}

// ---- The file

net::task<> backend_list::impl::watch_file(std::shared_ptr<impl> self) {
    if (!self->disk) self->disk.emplace(1);
    for (;;) {
        co_await self->file_watcher.wait_for_change();
        if (self->stopped) co_return;
        co_await self->loop.sleep_for(write_settle_time);
        std::string name;
        std::string before;
        {
            const std::scoped_lock lock(self->mutex);
            name = self->file;
            before = self->text;
        }
        if (name.empty()) continue;
        auto read = [name] { return read_small_file(name, max_file_bytes); };
        const auto fresh = co_await net::offload(*self->disk, self->loop, std::move(read));
        if (self->stopped) co_return;
        if (!fresh) {
            self->report(name, std::unexpected(fresh.error()));
        } else {
            const bool changed = *fresh != before;
            const auto applied = changed ? self->apply_text(*fresh) : result<void>();
            self->report(name, applied);
            if (!changed || !applied) continue;
            log::info({}, fmt::format("{}: reread", name));
            self->publish_and_log();
            self->lookup_requested.set();
        }
    }
}

// ---- Public functions

backend_list::backend_list(net::loop& loop, pool& backends, health_checks& checks, const self_connection_guard& guard)
    : impl_(std::make_shared<impl>(loop, backends, checks, guard)) {}

result<std::vector<std::string>> backend_list::apply(const settings& s) {
    auto& state = *impl_;
    if (const auto others = state.guard.check_not_self(s.backends); !others) return std::unexpected(others.error());
    backend_file listed;
    if (!s.backends_file.empty()) {
        auto read = load_backend_file(s.backends_file);
        if (!read) return std::unexpected(read.error());
        if (const auto others = state.guard.check_not_self(read->backends); !others)
            return fail(others.error().code, fmt::format("{}: {}", s.backends_file, others.error().what));
        if (auto followed = state.file_watcher.watch_file(s.backends_file); !followed)
            return std::unexpected(followed.error());
        listed = std::move(*read);
    }
    {
        const std::scoped_lock lock(state.mutex);
        state.from_settings = s.backends;
        state.from_file = std::move(listed.backends);
        state.file = s.backends_file;
        state.text = std::move(listed.text);
        state.interval = s.resolve_interval;
        state.server = s.dns_server;
    }
    state.lookup_requested.set();
    start();
    return state.publish();
}

void backend_list::update(const std::vector<backend>& from_settings) {
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->from_settings = from_settings;
    }
    impl_->publish_and_log();
    impl_->loop.poster()->post([self = impl_] { self->lookup_requested.set(); });
}

/// Starts only the coroutines that the settings need.
void backend_list::start() {
    auto& state = *impl_;
    const auto has_names = [](const auto& list) { return std::ranges::any_of(list, &backend::needs_discovery); };
    const bool needs_names = !state.file.empty() || has_names(state.from_settings);
    if (needs_names && !std::exchange(state.resolving_names, true))
        net::keep_running(state.loop, "gate: names of backends", [self = impl_] { return impl::resolve_all_names(self); });
    if (!state.file.empty() && !std::exchange(state.watching_file, true))
        net::keep_running(state.loop, "gate: file of backends", [self = impl_] { return impl::watch_file(self); });
}

void backend_list::stop() {
    if (impl_->stopped.exchange(true)) return;
    impl_->lookup_requested.set();
    impl_->file_watcher.interrupt();
}

}  // namespace sallyport::gate
