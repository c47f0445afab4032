#include <sallyport/doctor/run.hpp>

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include <sallyport/client/session_facts.hpp>
#include <sallyport/diagnosis/hide_secret.hpp>
#include <sallyport/diagnosis/path.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/doctor/attempt_facts.hpp>
#include <sallyport/doctor/comparisons.hpp>
#include <sallyport/doctor/helper_search.hpp>
#include <sallyport/doctor/idle_run.hpp>
#include <sallyport/doctor/path_probe.hpp>
#include <sallyport/doctor/port_rounds.hpp>
#include <sallyport/doctor/server_view.hpp>
#include <sallyport/doctor/translator_search.hpp>
#include <sallyport/net/worker_pool.hpp>
#include <sallyport/proto/proxy_header.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::method_facts;
using diagnosis::method_result;
using proto::data_method;
using session_failure = std::optional<proto::client_failure>;

/// For each data method. A data connection needs three round trips, so this is enough for satellite links too.
constexpr std::chrono::milliseconds data_wait(1800);
/// The same, after a command that TCP has acknowledged: a slow server, or one that does not answer it.
constexpr std::chrono::milliseconds patient_wait(6000);
/// Servers that look up the client's name take some seconds.
constexpr std::chrono::milliseconds greeting_wait(12000);
/// After a PROXY header the greeting arrives at once, or the server does not know it.
constexpr std::chrono::milliseconds greeting_wait_with_header(2000);
/// For a listing whose bytes stop.
constexpr std::chrono::milliseconds stall_wait(5000);
/// For the other address of a 227.
constexpr std::chrono::milliseconds other_address_wait(1200);
/// Some servers release the slot of a finished session a little later.
constexpr std::chrono::milliseconds slot_wait(400);
/// Helpers of firewalls follow this control port.
constexpr std::uint16_t standard_port = 21;

/// One session of the run, with one data method.
struct planned {
    data_method method = data_method::epsv;
    bool plain = false;
    bool patient = false;
};

/// "EPSV without TLS".
std::string name_of(const planned& what) {
    return fmt::format("{}{}", proto::name(what.method), what.plain ? " without TLS" : "");
}

class examination {
public:
    examination(net::loop& loop, const run_settings& settings, diagnosis::facts& into)
        : loop_(loop), settings_(settings), facts_(into), pool_(2), second_worker_done_(loop) {}

    net::task<> run();

private:
    [[nodiscard]] client::connection_options options_for(const planned& what) const;
    [[nodiscard]] client::server_address server_for(const planned& what) const;
    [[nodiscard]] bool is_encrypted(const planned& what) const {
        return settings_.location.tls != client::tls_mode::none && !what.plain;
    }
    [[nodiscard]] client::credentials login() const {
        return settings_.how.login.value_or(client::login_of(settings_.location));
    }
    /// After each step that keeps texts of the server: an interrupted run is reported at once.
    void hide_password() const {
        const auto known = login();
        for (const auto& each : {known.password, known.account}) diagnosis::hide_secret(facts_, each);
    }
    /// What was not measured, and why.
    void leave_out(std::string text) {
        facts_.not_measured.push_back(std::move(text));
        hide_password();
    }
    [[nodiscard]] path_probe probe() { return {loop_, pool_, facts_.client, facts_.server}; }
    /// The selected methods that can be used with this address, in their order.
    [[nodiscard]] std::vector<data_method> methods_for(const ip_address& server) const;
    void plan();
    void step(std::string_view text) const {
        if (settings_.on_step) settings_.on_step(text);
    }

    net::task<bool> open_first(client::connection& session);
    net::task<> ask_features();
    net::task<> try_proxy_header();
    net::task<> work_on(client::connection& first, data_method opened_for);
    net::task<> work_in_parallel();
    net::task<session_failure> open(client::connection& session, const planned& what);
    net::task<> try_method(client::connection& session, planned what);
    net::task<> try_other_address(client::connection& session, method_facts& m);
    net::task<> trace(client::connection& session, method_facts attempt);
    net::task<> trace_control_port();
    net::task<> trace_if_needed();
    net::task<> find_helper();
    net::task<> compare_sessions();
    net::task<> find_link();
    net::task<> compare_ports();
    net::task<> hold_sessions();

    net::loop& loop_;
    const run_settings& settings_;
    diagnosis::facts& facts_;
    net::worker_pool pool_;
    net::event second_worker_done_;
    std::deque<planned> queue_;
    std::vector<ip_address> addresses_;
    bool in_parallel_ = false;
    // The server has not refused SITE DOCTOR yet.
    bool asks_server_ = true;
    bool traced_ = false;
};

// ---- The sessions

client::connection_options examination::options_for(const planned& what) const {
    client::connection_options out = settings_.how;
    out.methods = {what.method};
    out.data_open = std::min<std::chrono::milliseconds>(out.data_open, what.patient ? patient_wait : data_wait);
    out.greeting = std::min<std::chrono::milliseconds>(out.greeting, greeting_wait);
    out.stall = std::min<std::chrono::milliseconds>(out.stall, stall_wait);
    // Two sessions run at the same time.
    if (settings_.how.transcript)
        out.transcript = [show = settings_.how.transcript, who = name_of(what)](std::string_view line) {
            show(fmt::format("[{}] {}", who, line));
        };
    return out;
}

client::server_address examination::server_for(const planned& what) const {
    const auto& url = settings_.location;
    // All sessions go to the address of the first one.
    auto addresses = facts_.server.port != 0 ? std::vector{facts_.server.address} : addresses_;
    return {url.host, url.port, what.plain ? client::tls_mode::none : url.tls, std::move(addresses), {}};
}

std::vector<data_method> examination::methods_for(const ip_address& server) const {
    std::vector<data_method> out;
    for (const auto method : settings_.how.methods)
        if (server.is_v4() || !proto::only_ipv4(method)) out.push_back(method);
    return out;
}

void examination::plan() {
    const auto methods = methods_for(facts_.server.address);
    for (const auto method : methods) queue_.push_back({method, false});
    if (!settings_.also_plain || settings_.location.tls == client::tls_mode::none) return;
    for (const auto method : methods)
        if (!is_active(method)) queue_.push_back({method, true});
}

net::task<bool> examination::open_first(client::connection& session) {
    const auto server = server_for({});
    const auto failure = co_await session.open(server, client::open_depth::login, login());
    for (auto& each : phases_of(session, failure, addresses_)) facts_.phases.push_back(std::move(each));
    hide_password();
    if (session.control().peer().port != 0) {
        facts_.client = session.control().local();
        facts_.server = session.control().peer();
    } else {
        facts_.server = {addresses_.front(), server.port};
    }
    co_return !failure;
}

/// FEAT in an unencrypted session without login, to compare with a refused AUTH.
net::task<> examination::ask_features() {
    const planned what{data_method::epsv, true};
    client::connection session(loop_, options_for(what));
    const auto server = server_for(what);
    if (co_await session.open(server, client::open_depth::greeting, login())) co_return;
    const auto reply = co_await session.request(proto::verb::feat, {});
    if (reply && reply->positive())
        for (std::size_t i = 1; i + 1 < reply->lines.size(); ++i) {
            const auto& line = reply->lines[i];
            facts_.features.push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
        }
    co_await session.quit();
}

/// No greeting: a server that load balancers use waits for their PROXY header. Ours has the true addresses.
net::task<> examination::try_proxy_header() {
    const planned what{};
    auto how = options_for(what);
    how.greeting = greeting_wait_with_header;
    how.preamble = proto::write_proxy_header({.proxied = true, .source = facts_.client, .destination = facts_.server},
                                             proto::proxy_version::v1);
    client::connection session(loop_, std::move(how));
    const auto server = server_for(what);
    const auto failure = co_await session.open(server, client::open_depth::greeting, login());
    facts_.greeted_after_proxy_header = !failure;
    if (!failure) co_await session.quit();
}

net::task<session_failure> examination::open(client::connection& session, const planned& what) {
    const auto server = server_for(what);
    co_return co_await session.open(server, client::open_depth::login, login());
}

net::task<> examination::work_in_parallel() {
    while (!queue_.empty()) {
        const auto what = queue_.front();
        queue_.pop_front();
        client::connection session(loop_, options_for(what));
        if (const auto failure = co_await open(session, what)) {
            // The server may admit one session at a time: the first worker does it.
            queue_.push_back(what);
            break;
        }
        co_await try_method(session, what);
        co_await session.quit();
    }
    second_worker_done_.set();
}

net::task<> examination::work_on(client::connection& first, data_method opened_for) {
    auto others = co_await ask_for_other_sessions(first);
    asks_server_ = others.has_value();
    if (others) facts_.compared.other_sessions = std::move(*others);
    hide_password();
    auto what = queue_.front();
    // Not if an address of the other family was connected to than that which was tried first.
    const bool fits = what.method == opened_for;
    if (fits) {
        queue_.pop_front();
        if (!queue_.empty()) {
            in_parallel_ = true;
            loop_.spawn("trying data methods", work_in_parallel());
        }
        co_await try_method(first, what);
    }
    co_await first.quit();
    for (;;) {
        // The other worker may give its method back at any time until it ends.
        if (queue_.empty() && std::exchange(in_parallel_, false))
            (void)co_await second_worker_done_.wait(net::deadline::max());
        if (queue_.empty()) break;
        what = queue_.front();
        queue_.pop_front();
        client::connection session(loop_, options_for(what));
        auto failure = co_await open(session, what);
        if (failure) {
            if (std::exchange(in_parallel_, false)) (void)co_await second_worker_done_.wait(net::deadline::max());
            co_await loop_.sleep_for(slot_wait);
            failure = co_await open(session, what);
        }
        if (failure) {
            leave_out(fmt::format("{}: no further session was admitted ({})", name_of(what), failure->cause.text()));
            continue;
        }
        co_await try_method(session, what);
        co_await session.quit();
    }
}

net::task<> examination::try_method(client::connection& session, planned what) {
    step("trying " + name_of(what));
    const auto started_at = net::clock::now();
    client::discarder sink;
    const auto& path = settings_.location.path;
    proto::client_transfer order{.command = proto::verb::list, .path = path.ends_with('/') ? path : std::string()};
    const auto failure = co_await session.transfer(std::move(order), sink);
    auto m = facts_of_attempt(session, what.method, is_encrypted(what), failure);
    m.ms = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at).count();
    const bool is_slow = m.result == method_result::verb_dropped && m.acknowledged.value_or(false);
    if (is_slow && !std::exchange(what.patient, true)) {
        co_await session.quit();
        client::connection again(loop_, options_for(what));
        const auto refused = co_await open(again, what);
        if (!refused) co_return co_await try_method(again, what);
    }
    if (asks_server_) {
        m.seen_by_server = co_await ask_server(session, m);
        asks_server_ = m.seen_by_server.has_value();
    }
    co_await try_other_address(session, m);
    facts_.methods.push_back(m);
    hide_password();
    if (!is_active(m.method) && can_be_traced(m) && !std::exchange(traced_, true)) co_await trace(session, m);
}

/// A 227 with another address than the peer's: connects to it as well, with a negotiation of its own.
net::task<> examination::try_other_address(client::connection& session, method_facts& m) {
    if (m.method != data_method::pasv || !m.advertised || m.advertised->address == facts_.server.address) co_return;
    if (m.advertised->address.is_unspecified()) co_return;
    const bool follows_reply = m.target == m.advertised;
    auto other = method_result::silent;
    const auto& address = m.advertised->address;
    const bool may_try = !address.is_loopback() && !address.is_multicast() && !address.is_link_local() && session.is_open();
    if (follows_reply || may_try) {
        const auto fresh = co_await negotiate(session, m.method);
        const endpoint to{follows_reply ? facts_.server.address : address, fresh ? fresh->port : std::uint16_t{0}};
        // Through a tunnel of this computer, the control connection is one to loopback.
        const bool elsewhere = facts_.client.address.is_loopback() && !to.address.is_loopback();
        const auto from = elsewhere ? ip_address() : facts_.client.address;
        if (fresh) other = co_await connect_once(loop_, from, to, other_address_wait);
    }
    set_other_address(m, other);
}

// ---- The path

net::task<> examination::trace(client::connection& session, method_facts attempt) {
    step("measuring the path");
    auto control = co_await trace_control(probe());
    if (!control) co_return leave_out("the path: " + control.error().text());
    auto other = co_await trace_other_port(probe(), *control);
    facts_.traces.push_back(*control);
    if (other && !other->answers.empty()) facts_.compared.other_port = *other;
    const bool has_proxy = diagnosis::hop_of_proxy(facts_).has_value();
    auto& reference = has_proxy ? *facts_.compared.other_port : facts_.traces.back();
    auto data = co_await trace_data(probe(), &session, std::move(attempt), reference);
    if (!data) co_return leave_out("the path of the data connection: " + data.error().text());
    facts_.traces.push_back(std::move(*data));
    if (!diagnosis::distance_to_server(facts_))
        facts_.not_measured.emplace_back("the path: no hop answers, or the server is further away than 36 hops");
}

net::task<> examination::trace_control_port() {
    auto control = co_await trace_control(probe());
    if (control)
        facts_.traces.push_back(std::move(*control));
    else
        leave_out("the path: " + control.error().text());
}

/// All data methods work, but the path was requested.
net::task<> examination::trace_if_needed() {
    if (traced_ || !settings_.trace) co_return;
    const auto found = std::ranges::find_if(facts_.methods, [](const method_facts& m) {
        return !is_active(m.method) && m.target && m.result == method_result::ok;
    });
    traced_ = true;
    if (found == facts_.methods.end()) {
        co_await trace_control_port();
        co_return;
    }
    const planned what{found->method, !found->tls};
    client::connection session(loop_, options_for(what));
    if (const auto failure = co_await open(session, what)) {
        leave_out(fmt::format("the path: no further session was admitted ({})", failure->cause.text()));
        co_return;
    }
    auto attempt = *found;
    attempt.target = co_await negotiate(session, what.method);
    if (attempt.target)
        co_await trace(session, attempt);
    else
        leave_out(fmt::format("the path: {} named no port when it was sent again", proto::name(what.method)));
    co_await session.quit();
}

/// A helper explains ports that are blocked over TLS only; and one that follows the standard port only, those of a server on
/// another port.
net::task<> examination::find_helper() {
    const auto is_blocked = [this](bool tls) {
        return std::ranges::any_of(facts_.methods,
                                   [tls](const method_facts& m) { return m.tls == tls && can_be_traced(m); });
    };
    const bool has_other_port = facts_.server.port != standard_port && is_blocked(false);
    if (!has_other_port && !is_blocked(true) && !settings_.trace) co_return;
    if (settings_.location.tls == client::tls_mode::implicit) co_return;
    step("looking for FTP helpers on the path");
    bool follows_standard_port = false;
    if (has_other_port) follows_standard_port = co_await doctor::find_helper(probe(), standard_port, facts_);
    if (follows_standard_port || is_blocked(true) || settings_.trace)
        (void)co_await doctor::find_helper(probe(), facts_.server.port, facts_);
}

// ---- Several ports

net::task<> examination::compare_ports() {
    if (settings_.rounds == 0) co_return;
    const auto found =
        std::ranges::find_if(facts_.methods, [](const method_facts& m) { return !is_active(m.method) && m.advertised; });
    if (found == facts_.methods.end()) co_return leave_out("several ports: no passive method named one");
    const planned what{found->method, !found->tls};
    const round_settings rounds{options_for(what), server_for(what), login(),
                                what.method,       settings_.rounds, settings_.on_step};
    co_await doctor::compare_ports(loop_, rounds, facts_);
    co_await trace_failing_port(probe(), facts_);
    hide_password();
}

// ---- Sessions with one difference

net::task<> examination::compare_sessions() {
    const comparison_settings how{.options_for = [this](data_method method) { return options_for({method, false}); },
                                  .after_change = [this] { hide_password(); },
                                  .server = server_for({}),
                                  .login = login(),
                                  .path = settings_.location.path,
                                  .tls12 = settings_.tls12,
                                  .all = settings_.trace,
                                  .upload = settings_.upload};
    step("comparing sessions");
    co_await doctor::compare_sessions(loop_, how, facts_);
    co_await find_link();
}

/// The link that loses full-sized packets.
net::task<> examination::find_link() {
    const bool stops = facts_.passive_attempt(method_result::stalled) != nullptr;
    const bool upload_stops = facts_.compared.upload && facts_.compared.upload->stopped();
    if (!stops && !upload_stops && !settings_.trace) co_return;
    if (settings_.location.tls == client::tls_mode::implicit) co_return;
    if (facts_.control_trace() == nullptr) co_await trace_control_port();
    constexpr std::size_t full_packet = 1400;
    std::string line("NOOP ");
    line.resize(full_packet, 'x');
    const bool is_held = co_await add_line_probe(probe(), facts_.server.port, "long line", std::move(line), facts_);
    const auto has_short = [](const diagnosis::line_probe& each) { return each.line == "half line"; };
    if (is_held && std::ranges::none_of(facts_.lines, has_short))
        (void)co_await add_line_probe(probe(), facts_.server.port, "half line", std::string(half_line), facts_);
}

// ---- Silence

net::task<> examination::hold_sessions() {
    if (settings_.idle.count() == 0) co_return;
    if (facts_.control_trace() == nullptr) co_await trace_control_port();
    const planned what{};
    const idle_settings idle{options_for(what), server_for(what), login(), settings_.idle, settings_.on_step};
    co_await measure_idle(loop_, pool_, idle, facts_);
    hide_password();
}

// ---- The order

net::task<> examination::run() {
    const auto& url = settings_.location;
    facts_.host = url.authority();
    facts_.tls_mode = url.tls == client::tls_mode::none       ? "none"
                      : url.tls == client::tls_mode::implicit ? "implicit"
                                                              : "explicit";
    const auto started_at = net::clock::now();
    step("connecting");
    auto resolved = co_await net::resolve(loop_, url.host, net::time_limit::within(settings_.how.connect));
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(net::clock::now() - started_at).count();
    if (!resolved) {
        facts_.phases.push_back(
            {"resolve", false, ms, std::string(name(resolved.error().code)), 0, resolved.error().text()});
        co_return;
    }
    addresses_ = facts_.host_addresses = *resolved;

    const auto tried = client::attempt_order(addresses_, settings_.how.version);
    if (tried.empty()) {
        const auto family = settings_.how.version == client::ip_version::ipv4 ? 4 : 6;
        facts_.phases.push_back({"resolve", false, ms, std::string(name(errc::usage)), 0,
                                 fmt::format("{} has no IPv{} address", url.host, family)});
        co_return;
    }
    const auto expected = methods_for(tried.front());
    const planned what{expected.empty() ? data_method::epsv : expected.front(), false};
    client::connection first(loop_, options_for(what));
    if (!co_await open_first(first)) {
        const auto* const failed = facts_.failed_phase();
        if (failed != nullptr && failed->name == "tls" && failed->reply_code >= 500) co_await ask_features();
        const bool is_silent = failed != nullptr && failed->name == "greeting" && failed->reply_code == 0;
        if (is_silent && url.tls != client::tls_mode::implicit) co_await try_proxy_header();
        co_return;
    }
    plan();
    if (queue_.empty()) {
        facts_.not_measured.emplace_back("data connections: none of the selected methods supports IPv6");
        co_return;
    }
    co_await work_on(first, what.method);
    std::ranges::stable_sort(facts_.methods, [](const method_facts& a, const method_facts& b) {
        return a.tls != b.tls ? a.tls : a.method < b.method;
    });
    co_await trace_if_needed();
    co_await find_helper();
    co_await find_translator(loop_, facts_);
    co_await compare_sessions();
    co_await compare_ports();
    co_await hold_sessions();
}

}  // namespace

net::task<> run(net::loop& loop, const run_settings& settings, diagnosis::facts& into) {
    examination all(loop, settings, into);
    co_await all.run();
}

}  // namespace sallyport::doctor
