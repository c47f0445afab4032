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
#include <sallyport/gate/own_ends.hpp>
#include <sallyport/gate/pool.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/file_watch.hpp>
#include <sallyport/net/offload.hpp>

namespace sallyport::gate {
namespace {

constexpr auto look_up_limit = std::chrono::seconds(10);
constexpr std::size_t most_file_bytes = std::size_t{4} * 1024 * 1024;  // tens of thousands of backends
// Programs that write a file in several steps have done so by then.
constexpr auto settle = std::chrono::milliseconds(50);

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
    if (out.empty()) return fail(errc::syntax, "it names no backend; for no sessions at all give ?state=maintenance");
    return out;
}

result<backend_file> read_backend_file(const std::string& file) {
    auto text = read_small_file(file, most_file_bytes);
    if (!text) return std::unexpected(text.error());
    auto parsed = parse_backend_lines(*text);
    if (!parsed) return fail(parsed.error().code, fmt::format("{}, {}", file, parsed.error().what));
    return backend_file{std::move(*text), std::move(*parsed)};
}

std::vector<backend> expand(const backend& name, const std::vector<ip_address>& addresses) {
    std::vector<backend> out;
    for (const auto& address : addresses) {
        auto& b = out.emplace_back(name);
        b.found_by = lookup::none;
        b.tls_name = name.host;
        b.host = address.text();
    }
    return out;
}

backend expand(const backend& name, const net::srv_record& record, std::uint16_t largest_weight,
               std::vector<ip_address> addresses) {
    auto b = name;
    b.found_by = lookup::none;
    b.host = record.target;
    b.port = record.port;
    b.addresses = std::move(addresses);
    b.terms.priority = record.priority;
    const double scale = largest_weight > limits::backend_weight ? double(limits::backend_weight) / largest_weight : 1;
    b.terms.weight = std::max(1U, static_cast<unsigned>(std::lround(record.weight * scale)));
    return b;
}

struct backend_list::impl {
    impl(net::loop& l, pool& p, health_checks& c, const own_ends& o)
        : home(l), backends(p), checks(c), own(o), due(l), watch(l) {}

    std::vector<std::string> publish();
    void leave_out_own(std::vector<backend>& list);
    void publish_and_log();
    void tell(const std::string& of, const result<void>& how);
    result<void> take(const std::string& text);
    static net::task<> look_up_all(std::shared_ptr<impl> self);
    static net::task<> look_up(std::shared_ptr<impl> self, backend name, std::optional<endpoint> server);
    static net::task<> follow_file(std::shared_ptr<impl> self);

    net::loop& home;
    pool& backends;
    health_checks& checks;
    const own_ends& own;
    std::atomic<bool> stopped{false};

    // Loop thread
    bool asks = false;   // look_up_all() runs
    bool reads = false;  // follow_file() runs
    net::event due;      // names to be looked up
    net::file_watch watch;
    std::map<std::string, std::string> failures;  // what went wrong last, by name or file: told once
    std::optional<net::worker_pool> disk;

    std::mutex mutex;  // of the rest
    std::vector<backend> given;
    std::vector<backend> in_file;
    std::vector<std::pair<backend, std::vector<backend>>> found;  // by the name that they stand behind
    std::string file;
    std::string text;  // of the file
    std::chrono::seconds interval{};
    std::optional<endpoint> server;
    std::set<std::string> left_out;  // told of
};

/// What stands behind a name can be ourselves.
void backend_list::impl::leave_out_own(std::vector<backend>& list) {
    std::set<std::string> found_now;
    std::erase_if(list, [&](const backend& b) {
        const auto good = own.none_of({b});
        if (good) return false;
        found_now.insert(b.text());
        if (!left_out.contains(b.text())) log::error({}, fmt::format("Left out: {}", good.error().what));
        return true;
    });
    left_out = std::move(found_now);
}

std::vector<std::string> backend_list::impl::publish() {
    const std::scoped_lock lock(mutex);  // lists reach the pool in order
    std::vector<backend> list;
    for (const auto* part : {&given, &in_file}) {
        for (const auto& b : *part) {
            if (b.found_by == lookup::none) {
                list.push_back(b);
                continue;
            }
            const auto known = std::ranges::find(found, b, &decltype(found)::value_type::first);
            if (known != found.end()) list.insert(list.end(), known->second.begin(), known->second.end());
        }
    }
    leave_out_own(list);
    auto changes = backends.adjust(list);
    checks.follow();
    return changes;
}

void backend_list::impl::publish_and_log() {
    for (const auto& change : publish()) log::info({}, change);
}

void backend_list::impl::tell(const std::string& of, const result<void>& how) {
    if (how) {
        if (failures.erase(of) > 0) log::info({}, fmt::format("{}: in order again", of));
        return;
    }
    const auto words = how.error().text();
    if (std::exchange(failures[of], words) != words)
        log::error({}, fmt::format("{}: {}; the backends stay as they were", of, words));
}

result<void> backend_list::impl::take(const std::string& fresh) {
    auto parsed = parse_backend_lines(fresh);
    if (!parsed) return std::unexpected(parsed.error());
    if (auto others = own.none_of(*parsed); !others) return others;
    const std::scoped_lock lock(mutex);
    text = fresh;
    in_file = std::move(*parsed);
    return {};
}

// ---- Names

net::task<> backend_list::impl::look_up_all(std::shared_ptr<impl> self) {
    while (!self->stopped) {
        self->due.clear();
        std::vector<backend> names;
        std::optional<endpoint> server;
        net::clock::duration pause{};
        {
            const std::scoped_lock lock(self->mutex);
            std::ranges::copy_if(self->given, std::back_inserter(names), &backend::is_looked_up);
            std::ranges::copy_if(self->in_file, std::back_inserter(names), &backend::is_looked_up);
            std::erase_if(self->found, [&](const auto& one) { return std::ranges::find(names, one.first) == names.end(); });
            pause = self->interval;
            server = self->server;
        }
        for (const auto& name : names) {
            if (!self->stopped) co_await look_up(self, name, server);
        }
        (void)co_await self->due.wait(names.empty() ? net::deadline::max() : net::clock::now() + pause);
    }
}

net::task<> backend_list::impl::look_up(std::shared_ptr<impl> self, backend name, std::optional<endpoint> server) {
    const auto limit = net::time_limit::within(look_up_limit);
    std::vector<backend> servers;
    result<void> how;
    if (name.found_by == lookup::addresses) {
        const auto addresses = co_await net::find_addresses(self->home, name.host, server, limit);
        if (addresses)
            servers = expand(name, *addresses);
        else
            how = std::unexpected(addresses.error());
    } else {
        const auto records = co_await net::find_service(self->home, service_name(name), server, limit);
        if (!records) how = std::unexpected(records.error());
        const auto none = std::vector<net::srv_record>();
        const auto& all = records ? *records : none;
        std::uint16_t largest = 0;
        for (const auto& r : all) largest = std::max(largest, r.weight);
        for (const auto& r : all) {
            auto addresses = co_await net::find_addresses(self->home, r.target, server, limit);
            if (!addresses) how = std::unexpected(addresses.error());
            if (!how) break;
            servers.push_back(expand(name, r, largest, std::move(*addresses)));
        }
    }
    if (self->stopped) co_return;
    self->tell(name.text(), how);
    if (!how) co_return;
    {
        const std::scoped_lock lock(self->mutex);
        std::erase_if(self->found, [&](const auto& one) { return one.first == name; });
        self->found.emplace_back(name, std::move(servers));
    }
    self->publish_and_log();
}

// ---- The file

net::task<> backend_list::impl::follow_file(std::shared_ptr<impl> self) {
    self->disk.emplace(1);
    for (;;) {
        co_await self->watch.changed();
        if (self->stopped) co_return;
        co_await self->home.sleep_for(settle);
        std::string name;
        std::string before;
        {
            const std::scoped_lock lock(self->mutex);
            name = self->file;
            before = self->text;
        }
        if (name.empty()) continue;
        auto read = [name] { return read_small_file(name, most_file_bytes); };
        const auto fresh = co_await net::offload(*self->disk, self->home, std::move(read));
        if (self->stopped) co_return;
        if (!fresh) {
            self->tell(name, std::unexpected(fresh.error()));
        } else {
            const bool changed = *fresh != before;
            const auto taken = changed ? self->take(*fresh) : result<void>();
            self->tell(name, taken);
            if (!changed || !taken) continue;
            log::info({}, fmt::format("{}: read again", name));
            self->publish_and_log();
            self->due.set();
        }
    }
}

// ---- For the gateway

backend_list::backend_list(net::loop& home, pool& backends, health_checks& checks, const own_ends& own)
    : impl_(std::make_shared<impl>(home, backends, checks, own)) {}

result<std::vector<std::string>> backend_list::use(const settings& s) {
    auto& mine = *impl_;
    if (const auto others = mine.own.none_of(s.backends); !others) return std::unexpected(others.error());
    backend_file listed;
    if (!s.backends_file.empty()) {
        auto read = read_backend_file(s.backends_file);
        if (!read) return std::unexpected(read.error());
        if (const auto others = mine.own.none_of(read->backends); !others)
            return fail(others.error().code, fmt::format("{}: {}", s.backends_file, others.error().what));
        if (auto followed = mine.watch.follow(s.backends_file); !followed) return std::unexpected(followed.error());
        listed = std::move(*read);
    }
    {
        const std::scoped_lock lock(mine.mutex);
        mine.given = s.backends;
        mine.in_file = std::move(listed.backends);
        mine.file = s.backends_file;
        mine.text = std::move(listed.text);
        mine.interval = s.resolve_interval;
        mine.server = s.dns_server;
    }
    mine.due.set();
    start();
    return mine.publish();
}

void backend_list::give(const std::vector<backend>& given) {
    {
        const std::scoped_lock lock(impl_->mutex);
        impl_->given = given;
    }
    impl_->publish_and_log();
    impl_->home.mail()->post([self = impl_] { self->due.set(); });
}

/// What is of no use to these settings does not run.
void backend_list::start() {
    auto& mine = *impl_;
    const auto looked_up = [](const auto& list) { return std::ranges::any_of(list, &backend::is_looked_up); };
    const bool by_name = !mine.file.empty() || looked_up(mine.given);
    if (by_name && !std::exchange(mine.asks, true)) mine.home.spawn("gate: names of backends", impl::look_up_all(impl_));
    if (!mine.file.empty() && !std::exchange(mine.reads, true))
        mine.home.spawn("gate: file of backends", impl::follow_file(impl_));
}

void backend_list::stop() {
    if (impl_->stopped.exchange(true)) return;
    impl_->due.set();
    impl_->watch.interrupt();
}

}  // namespace sallyport::gate
