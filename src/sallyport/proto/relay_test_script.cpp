#include <sallyport/proto/relay_test_script.hpp>

#include <algorithm>
#include <sstream>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/host_port.hpp>

namespace sallyport::proto::relay_script {
namespace {

[[nodiscard]] std::string describe(const leg_setup& setup) {
    if (const auto* to = std::get_if<connect_to>(&setup)) return "connect " + to->to.text();
    return "listen";
}

struct action_text {
    std::string operator()(const relay_act::idle&) const { return "idle"; }
    std::string operator()(const relay_act::reserve_port& a) const {
        return std::string("reserve") + (a.on == leg::backend ? " for backend" : "") + (a.extended ? " extended" : "");
    }
    std::string operator()(const relay_act::open_port&) const { return "open port"; }
    std::string operator()(const relay_act::release_data&) const { return "release"; }
    std::string operator()(const relay_act::open_data& a) const {
        const auto& p = a.plan;
        if (p.data_path.path == data_path::kernel) return "kernel: " + std::string(row_of(p.command).name);
        if (p.data_path.path == data_path::direct) return "direct: " + std::string(row_of(p.command).name);
        return "open " + std::string(row_of(p.command).name) + (p.upload ? " up " : " down ") + describe(p.client) +
               (p.protect_client ? " tls, " : ", ") + describe(p.backend) + (p.protect_backend ? " tls" : "");
    }
    std::string operator()(const relay_act::confirm_data&) const { return "confirm"; }
    std::string operator()(const relay_act::transfer_finished& a) const {
        return "finished " + std::to_string(a.reply_code);
    }
    std::string operator()(const relay_act::check_opening&) const { return "check opening"; }
    std::string operator()(const relay_act::suspect_backend& a) const { return "suspect: it " + a.reason; }
    std::string operator()(const relay_act::find_backend& a) const {
        return (a.is_failover ? "find another for " : "find for ") + a.user + (a.host.empty() ? "" : " at " + a.host) +
               (a.server ? " on " + a.server->text() : "");
    }
    std::string operator()(const relay_act::start_tls& a) const { return a.on == leg::backend ? "backend tls" : "tls"; }
    std::string operator()(const relay_act::read_client_hello&) const { return "hello"; }
    std::string operator()(const relay_act::end_tls&) const { return "end tls"; }
    std::string operator()(const relay_act::start_passthrough&) const { return "passthrough"; }
    std::string operator()(const relay_act::admit_user& a) const { return "admit " + a.name; }
    std::string operator()(const relay_act::close&) const { return "close"; }
};

[[nodiscard]] data_outcome outcome_of(std::string_view text) {
    const auto blank = text.find(' ');
    const auto name = text.substr(0, blank);
    const std::string why(blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1));
    if (name == "complete") return {data_result::complete, {}};
    if (name == "client_timeout") return {data_result::client_timeout, why};
    if (name == "tls_session_not_reused") return {data_result::tls_session_not_reused, why};
    if (name == "client_failed") return {data_result::client_failed, why};
    if (name == "not_established") return {data_result::not_established, why};
    if (name == "path_lost") return {data_result::path_lost, why};
    if (name == "backend_connect_failed") return {data_result::backend_connect_failed, why};
    EXPECT_EQ(name, "backend_failed");
    return {data_result::backend_failed, why};
}

void collect(const auto& take, std::deque<std::string>& lines) {
    std::string out;
    take(out);
    while (!out.empty()) {
        const auto end = out.find("\r\n");
        ASSERT_NE(end, std::string::npos) << "a line without its end: " << out;
        lines.push_back(out.substr(0, end));
        out.erase(0, end + 2);
    }
}

void expect(std::deque<std::string>& lines, const std::string& text, std::string_view who) {
    ASSERT_FALSE(lines.empty()) << who << " nothing";
    EXPECT_EQ(lines.front(), text) << who;
    lines.pop_front();
}

}  // namespace

relay_driver::relay_driver(const relay_settings& settings, bool bytewise)
    : relay_driver(relay_machine(settings, reply{220, {"Welcome."}}), bytewise) {}

relay_driver::relay_driver(relay_machine begun, bool bytewise) : machine(std::move(begun)), bytewise_(bytewise) {
    machine.set_notes([this](relay_note kind, std::string_view text) { notes.emplace_back(kind, text); }, true);
    run();
}

void relay_driver::step(const std::string& line) {
    SCOPED_TRACE(line);
    const auto blank = line.find(' ');
    const auto kind = line.substr(0, blank);
    const auto text = blank == std::string::npos ? std::string() : line.substr(blank + 1);
    if (kind == ">") return client(text + "\r\n");
    if (kind == "<<") return backend(text + "\r\n");
    if (kind == ">>") return expect(to_backend, text, "the backend got");
    if (kind == "<") return expect(to_client, text, "the client got");
    if (kind == "=") return expect(actions, text, "the driver got");
    ASSERT_EQ(kind, "!") << "a script line begins with > >> < << = or !";
    outcome(text);
    run();
}

void relay_driver::play(std::string_view script) {
    std::istringstream lines{std::string(script)};
    for (std::string line; std::getline(lines, line);) {
        step(line);
        if (::testing::Test::HasFatalFailure()) return;
    }
}

void relay_driver::play_all(std::initializer_list<std::string_view> parts) {
    for (const auto part : parts) {
        play(part);
        if (::testing::Test::HasFatalFailure()) return;
    }
    expect_nothing_left();
}

void relay_driver::client(std::string_view bytes) { feed(bytes, &relay_machine::from_client); }

void relay_driver::backend(std::string_view bytes) { feed(bytes, &relay_machine::from_backend); }

void relay_driver::run() {
    until = session_time::max();
    for (auto action = machine.next();; action = machine.next()) {
        if (const auto* idle = std::get_if<relay_act::idle>(&action)) {
            until = idle->until;
            break;
        }
        if (const auto* over = std::get_if<relay_act::transfer_finished>(&action)) {
            finished.push_back(*over);
            continue;
        }
        if (std::holds_alternative<relay_act::suspect_backend>(action)) {
            ++suspected;
            continue;
        }
        if (const auto* tls = std::get_if<relay_act::start_tls>(&action)) until = tls->until;
        if (const auto* reserve = std::get_if<relay_act::reserve_port>(&action)) reserved_to = reserve->to;
        if (const auto* open = std::get_if<relay_act::open_data>(&action)) {
            chosen = open->plan.data_path;
            limits_given = {open->plan.connect_limit, open->plan.start_limit};
        }
        auto text = std::visit(action_text(), action);
        if (std::holds_alternative<relay_act::confirm_data>(action) && connects_at_once)
            machine.report(relay_outcome::data_connected{data_peer});
        // close and start_tls are repeated.
        if (actions.empty() || actions.back() != text) actions.push_back(std::move(text));
        if (std::holds_alternative<relay_act::close>(action) || std::holds_alternative<relay_act::start_tls>(action) ||
            std::holds_alternative<relay_act::read_client_hello>(action) ||
            std::holds_alternative<relay_act::end_tls>(action) ||
            std::holds_alternative<relay_act::start_passthrough>(action))
            break;
    }
    collect([this](std::string& out) { machine.release_client_output(out); }, to_client);
    collect([this](std::string& out) { machine.release_backend_output(out); }, to_backend);
}

void relay_driver::expect_nothing_left() {
    EXPECT_EQ(to_client, std::deque<std::string>());
    EXPECT_EQ(to_backend, std::deque<std::string>());
    EXPECT_EQ(actions, std::deque<std::string>());
}

std::size_t relay_driver::count(relay_note kind) const {
    return static_cast<std::size_t>(std::ranges::count(notes, kind, [](const auto& n) { return n.first; }));
}

void relay_driver::feed(std::string_view bytes, void (relay_machine::*take)(std::string_view)) {
    const std::size_t size = bytewise_ ? 1 : bytes.size();
    for (std::size_t i = 0; i < bytes.size(); i += size) {
        (machine.*take)(bytes.substr(i, size));
        run();
    }
}

void relay_driver::outcome(const std::string& text) {
    using namespace relay_outcome;
    if (text.starts_with("port ")) return machine.report(port_reserved{at(text.substr(5))});
    if (text.starts_with("forwarded port ")) return machine.report(port_reserved{at(text.substr(15)), true});
    if (text == "no port") return machine.report(port_reserved{fail(errc::exhausted, "all ports of 1-2 are in use")});
    if (text == "opened") return machine.report(port_opened{opening_result::forwarded});
    if (text == "not opened, accepted here") return machine.report(port_opened{opening_result::accepted});
    if (text == "not opened") return machine.report(port_opened{opening_result::closed});
    if (text.starts_with("data ")) return machine.report(data_ended{outcome_of(text.substr(5))});
    if (text == "connected") return machine.report(data_connected{data_peer});
    if (text == "connection to come") return void(connects_at_once = false);
    if (text == "input ended") return machine.report(input_ended{});
    if (text == "tls") return machine.report(client_tls_started{});
    if (text.starts_with("tls as ")) return machine.report(client_tls_started{text.substr(7)});
    if (text == "tls passes") return machine.report(client_hello_read{.passes = true});
    if (text == "tls ends here") return machine.report(client_hello_read{.passes = false});
    if (text == "tls ended") return machine.report(client_tls_ended{});
    if (text == "admitted") return machine.report(user_admitted{true});
    if (text == "not admitted") return machine.report(user_admitted{false});
    if (text == "backend tls") return machine.report(backend_tls_started{});
    if (text == "backend gone") return machine.report(backend_closed{"reset"});
    if (text.starts_with("waited ")) return waited(text.substr(7));
    if (text == "backend silent") return waited("20");
    if (text.starts_with("passed ")) return passed(text.substr(7));
    if (text == "no backend") return machine.report(no_backend{"All are down."});
    if (text == "no backend for this user") return machine.report(no_backend_for_user{});
    if (text.starts_with("backend ")) return machine.report(backend_found{{.peer = at(text.substr(8)), .refused = {}}});
    ASSERT_TRUE(text.starts_with("expire "));
    machine.report(session_ended{text.substr(7)});
}

void relay_driver::waited(std::string_view seconds) {
    EXPECT_EQ(std::chrono::duration_cast<std::chrono::seconds>(until - now).count(), parse_decimal(seconds).value_or(0));
    passed(seconds);
}

void relay_driver::passed(std::string_view seconds) {
    now += std::chrono::seconds(parse_decimal(seconds).value_or(0));
    machine.time_passed(now);
}

relay_settings usual() {
    relay_settings s;
    s.client_peer = at("198.51.100.7:40000");
    s.accepted = s.now = script_begins;
    s.backend.peer = at("172.16.3.4:21");
    s.backend.refused.insert(data_method::epsv);
    return s;
}

relay_settings with_tls() {
    auto s = usual();
    s.tls_available = true;
    return s;
}

relay_settings matching() {
    auto s = with_tls();
    s.backend.match_tls = true;
    return s;
}

void play(const relay_settings& settings, std::initializer_list<std::string_view> parts,
          const std::function<void(relay_driver&)>& check) {
    for (const bool bytewise : {false, true}) {
        SCOPED_TRACE(bytewise ? "byte by byte" : "whole lines");
        relay_driver driver(settings, bytewise);
        driver.play_all(parts);
        if (::testing::Test::HasFatalFailure()) return;
        if (check) check(driver);
    }
}

void play_selecting(const relay_settings& settings, std::initializer_list<std::string_view> parts) {
    for (const bool bytewise : {false, true}) {
        SCOPED_TRACE(bytewise ? "byte by byte" : "whole lines");
        relay_driver driver(relay_machine(settings), bytewise);
        driver.play_all(parts);
        if (::testing::Test::HasFatalFailure()) return;
    }
}

}  // namespace sallyport::proto::relay_script
