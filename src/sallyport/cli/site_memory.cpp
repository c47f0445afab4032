#include <sallyport/cli/site_memory.hpp>

#include <atomic>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/cli/network_name.hpp>

namespace sallyport::cli {
namespace {

constexpr std::string_view method_fact = "method";
constexpr std::string_view pipelining_fact = "pipelining";
constexpr std::string_view connections_fact = "connections";

std::string_view name(client::tls_mode mode) {
    switch (mode) {
        case client::tls_mode::none: return "none";
        case client::tls_mode::explicit_: return "explicit";
        case client::tls_mode::implicit: break;
    }
    return "implicit";
}

/// The values of the facts that there are, by name.
std::vector<learned_fact> stored_form(const client::site_facts& facts, std::int64_t now) {
    std::vector<learned_fact> out;
    if (facts.method) out.push_back({std::string(method_fact), std::string(proto::name(*facts.method)), now});
    if (facts.fails_pipelining) out.push_back({std::string(pipelining_fact), "off", now});
    if (facts.connections) out.push_back({std::string(connections_fact), std::to_string(*facts.connections), now});
    return out;
}

bool has_value(const std::vector<learned_fact>& in, const learned_fact& fact) {
    return std::ranges::any_of(in, [&](const auto& each) { return each.name == fact.name && each.value == fact.value; });
}

bool has_name(const std::vector<learned_fact>& in, const std::string& fact_name) {
    return std::ranges::any_of(in, [&](const auto& each) { return each.name == fact_name; });
}

result<void> store(const site_key& key, const fact_changes& changes, std::int64_t now) {
    auto database = site_database::open(site_database_file(), site_access::change);
    if (!database) return std::unexpected(std::move(database.error()));
    for (const auto& fact : changes.learned)
        if (auto done = database->learn(key, fact); !done) return done;
    for (const auto& fact_name : changes.unlearned)
        if (auto done = database->unlearn(key, fact_name); !done) return done;
    if (auto done = database->remove_before(now - fact_lifetime.count()); !done) return done;
    return database->commit();
}

}  // namespace

std::int64_t end_of(const learned_fact& fact) noexcept {
    return fact.since + (fact.name == connections_fact ? limit_lifetime : fact_lifetime).count();
}

client::site_facts facts_from(const std::vector<learned_fact>& stored, std::int64_t now) {
    client::site_facts out;
    for (const auto& fact : stored) {
        // A time to come is one of a clock that was wrong.
        if (end_of(fact) <= now || fact.since > now) continue;
        if (fact.name == method_fact) out.method = proto::method_named(fact.value);
        if (fact.name == pipelining_fact) out.fails_pipelining = fact.value == "off";
        if (fact.name != connections_fact) continue;
        const auto number = parse_decimal(fact.value, 1000);
        if (number && *number > 0) out.connections = static_cast<std::size_t>(*number);
    }
    return out;
}

fact_changes changes_between(const client::site_facts& before, const client::site_facts& after, std::int64_t now) {
    fact_changes out;
    const auto known = stored_form(before, now);
    const auto found = stored_form(after, now);
    for (const auto& fact : found)
        if (!has_value(known, fact)) out.learned.push_back(fact);
    for (const auto& fact : known)
        if (!has_name(found, fact.name)) out.unlearned.push_back(fact.name);
    return out;
}

site_memory::site_memory(const client::url& site, const client_options& options, client::options& how)
    : is_used_(!options.no_learn), is_quiet_(options.quiet) {
    if (!is_used_) return;
    const auto user = how.login.value_or(client::login_of(site)).user;
    key_ = {to_lower(site.host), site.port, std::string(name(site.tls)), user,
            how.proxy ? "proxy " + how.proxy->text() : network_name()};
    read();
    // An order that the user has chosen stays.
    if (options.methods.empty()) how.methods = client::with_first(std::move(how.methods), known_.method);
}

void site_memory::read() {
    auto database = site_database::open(site_database_file(), site_access::read);
    auto stored = database ? database->learned(key_) : std::unexpected(std::move(database.error()));
    if (stored) {
        known_ = facts_from(*stored, seconds_now());
    } else if (stored.error().code != errc::not_found) {
        warn(stored.error());
        is_used_ = false;
    }
}

void site_memory::learn(const client::site_facts& now) const {
    if (!is_used_) return;
    const auto time = seconds_now();
    const auto changes = changes_between(known_, now, time);
    if (changes.learned.empty() && changes.unlearned.empty()) return;
    if (const auto stored = store(key_, changes, time); !stored) warn(stored.error());
}

void site_memory::learn(const std::vector<client::attempt>& attempts) const {
    auto now = known_;
    now.method = client::method_after(known_.method, attempts);
    learn(now);
}

void site_memory::warn(const error& why) const {
    static std::atomic<bool> has_warned = false;
    if (is_quiet_ || why.code == errc::not_found || has_warned.exchange(true)) return;
    fmt::print(stderr, "sallyport: warning: nothing is learned about servers (--no-learn switches this off): {}\n",
               escape(why.text(), 1024));
}

}  // namespace sallyport::cli
