#include <sallyport/client/connection.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <thread>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using proto::client_step;
using proto::verb;
using testing::blocking_listener;
using testing::blocking_socket;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::scripted_server;

/// Runs one coroutine on a loop of its own.
void run_on_loop(const std::function<net::task<>(net::loop&)>& work) {
    net::loop_group loops(1);
    loops.run_until_done(work(loops.at(0)));
}

connection_options quickly() { return quick(); }

server_address at(std::uint16_t port, tls_mode tls = tls_mode::none) { return {"127.0.0.1", port, tls, {}, {}}; }

std::vector<client_step> steps(const connection& c) {
    std::vector<client_step> out;
    for (const auto& one : c.times()) out.push_back(one.at);
    return out;
}

net::task<> open_to(net::loop& loop, server_address server, open_depth until, std::vector<client_step>& seen) {
    auto options = quickly();
    options.tls = *net::tls_client_context::make({.verify = false});
    connection c(loop, std::move(options));
    credentials login;
    const auto failed = co_await c.open(std::move(server), until, std::move(login));
    EXPECT_FALSE(failed) << failed->cause.text();
    EXPECT_TRUE(c.is_open());
    seen = steps(c);
    if (until == open_depth::greeting || until == open_depth::tls) {
        EXPECT_EQ(c.facts().greeting().code, 220);
        const auto refused = co_await c.login();
        EXPECT_FALSE(refused);
        EXPECT_THAT(steps(c), ElementsAre(client_step::login));
    }
    co_await c.quit();
    EXPECT_FALSE(c.is_open());
}

TEST(connection, is_opened_to_the_requested_depth_and_each_step_is_timed) {
    using enum client_step;
    const auto made = net::make_self_signed({"127.0.0.1"}, 1);
    const testing::tls_identity identity(made->certificate, made->key);
    ftp_stub plain({});
    ftp_stub with_tls({.tls = &identity});
    ftp_stub implicit({.tls = &identity, .implicit_tls = true});
    struct row {
        server_address server;
        open_depth until;
        std::vector<client_step> seen;
    };
    for (const auto& r :
         {row{at(plain.port()), open_depth::tcp, {resolve, connect}},
          row{at(plain.port()), open_depth::greeting, {resolve, connect, greeting}},
          row{at(plain.port()), open_depth::tls, {resolve, connect, greeting}},
          row{at(plain.port()), open_depth::login, {resolve, connect, greeting, login}},
          row{at(with_tls.port(), tls_mode::explicit_), open_depth::tls, {resolve, connect, greeting, tls}},
          row{at(with_tls.port(), tls_mode::explicit_), open_depth::login, {resolve, connect, greeting, tls, login}},
          row{at(implicit.port(), tls_mode::implicit), open_depth::tls, {resolve, connect, tls, greeting}}}) {
        std::vector<client_step> seen;
        run_on_loop([&](net::loop& loop) { return open_to(loop, r.server, r.until, seen); });
        EXPECT_EQ(seen, r.seen);
    }
}

/// As it must succeed.
net::task<> open_at(connection& c, std::uint16_t port, open_depth until) {
    server_address server = at(port);
    credentials login;
    const auto failed = co_await c.open(std::move(server), until, std::move(login));
    EXPECT_FALSE(failed) << failed->cause.text();
}

net::task<> slow_command(net::loop& loop, std::uint16_t port) {
    connection c(loop, quickly());
    co_await open_at(c, port, open_depth::greeting);
    const auto said = co_await c.request(verb::noop, {});
    EXPECT_TRUE(said);
    EXPECT_EQ(c.times().size(), 1U);
    EXPECT_GE(c.times().front().duration, 50ms);
    EXPECT_LT(c.times().front().duration, 2s);
}

TEST(connection, the_time_is_that_of_the_server) {
    const scripted_server server([](blocking_socket& control) {
        control.send("220 hi\r\n");
        control.read_line();
        std::this_thread::sleep_for(60ms);
        control.send("200 ok\r\n");
        control.read_to_end();
    });
    run_on_loop([&](net::loop& loop) { return slow_command(loop, server.port()); });
}

net::task<> send_commands(net::loop& loop, std::uint16_t port) {
    connection c(loop, quickly());
    co_await open_at(c, port, open_depth::login);
    const auto any = co_await c.command(verb::cwd, "dir", {});
    EXPECT_EQ(any.value().code, 250);
    const auto refused = co_await c.command(verb::cwd, "nowhere", {});
    EXPECT_EQ(refused.error().cause.code, errc::rejected);
    EXPECT_EQ(refused.error().reply_code, 550);
    std::vector<int> wanted{257};
    const auto named = co_await c.command(verb::pwd, {}, std::move(wanted));
    EXPECT_TRUE(named);
    std::vector<int> other{200};
    const auto wrong = co_await c.command(verb::pwd, {}, std::move(other));
    EXPECT_EQ(wrong.error().reply_code, 257);
    const auto size = co_await c.size("file");
    EXPECT_EQ(size.value(), 420U);
    const auto none = co_await c.size("nowhere");
    EXPECT_EQ(none.value(), std::nullopt);
    co_await c.quit();
    const auto late = co_await c.request(verb::pwd, {});
    EXPECT_EQ(late.error().cause.code, errc::closed);
}

TEST(connection, commands_succeed_by_the_codes_that_are_given) {
    ftp_stub server({});
    run_on_loop([&](net::loop& loop) { return send_commands(loop, server.port()); });
}

net::task<> move_both_ways(net::loop& loop, std::uint16_t port, const memory_file& from) {
    connection c(loop, quickly());
    co_await open_at(c, port, open_depth::login);
    discarder down;
    proto::client_transfer get_it{.command = verb::retr, .path = "file"};
    const auto no_file = co_await c.transfer(std::move(get_it), down);
    EXPECT_FALSE(no_file);
    EXPECT_EQ(c.data()->bytes, 420U);
    EXPECT_THAT(steps(c), ElementsAre(client_step::request, client_step::data, client_step::request, client_step::transfer));
    file_sender up(from.get(), 0, false, [](std::uint64_t) {});
    proto::client_transfer put_it{.command = verb::stor, .path = "new"};
    const auto not_stored = co_await c.transfer(std::move(put_it), up);
    EXPECT_FALSE(not_stored);
    EXPECT_EQ(c.data()->bytes, 10U);
    co_await c.quit();
}

TEST(connection, data_move_in_either_direction) {
    ftp_stub server({});
    const memory_file from("0123456789");
    run_on_loop([&](net::loop& loop) { return move_both_ways(loop, server.port(), from); });
    EXPECT_EQ(server.stored("new"), "0123456789");
}

// ---- While data move

/// A server whose transfers last until it receives NOOP or ABOR; `on` returns its answer.
scripted_server::script slow_transfer(std::map<std::string, std::string> on) {
    return [on = std::move(on)](blocking_socket& control) {
        const blocking_listener data;
        blocking_socket open;
        control.send("220 hi\r\n");
        for (auto line = control.read_line(); !line.empty(); line = control.read_line()) {
            const auto verb = line.substr(0, line.find(' '));
            if (verb == "EPSV") {
                control.send("229 (|||" + std::to_string(data.port()) + "|)\r\n");
            } else if (verb == "RETR") {
                open = data.accept();
                control.send("150 here it comes\r\n");
                open.send("some bytes");
            } else if (open && on.contains(verb)) {
                open.close();
                control.send(on.at(verb));
            } else {
                control.send(verb == "USER" ? "230 in\r\n" : verb == "PWD" ? "257 \"/\"\r\n" : "200 ok\r\n");
            }
        }
    };
}

net::task<> move_with_noop(net::loop& loop, std::uint16_t port) {
    auto options = quickly();
    options.noop_interval = 60ms;
    connection c(loop, std::move(options));
    co_await open_at(c, port, open_depth::login);
    discarder job;
    proto::client_transfer get_it{.command = verb::retr, .path = "file"};
    const auto refused = co_await c.transfer(std::move(get_it), job);
    EXPECT_FALSE(refused) << refused->cause.text();
    const auto in_step = co_await c.request(verb::pwd, {});
    EXPECT_EQ(in_step.value().code, 257);
    co_await c.quit();
}

TEST(connection, NOOP_is_sent_while_data_move_and_its_reply_is_no_end) {
    for (const auto* replies : {"200 ok\r\n226 done\r\n", "226 done\r\n200 ok\r\n", "500 what\r\n226 done\r\n"}) {
        const scripted_server server(slow_transfer({{"NOOP", replies}}));
        run_on_loop([&](net::loop& loop) { return move_with_noop(loop, server.port()); });
    }
}

net::task<> abort_soon(net::loop& loop, connection& c) {
    co_await loop.sleep_for(60ms);
    co_await c.abort_transfer();
}

net::task<> move_and_abort(net::loop& loop, std::uint16_t port) {
    connection c(loop, quickly());
    co_await open_at(c, port, open_depth::login);
    loop.spawn("aborting", abort_soon(loop, c));
    discarder job;
    proto::client_transfer get_it{.command = verb::retr, .path = "file"};
    const auto refused = co_await c.transfer(std::move(get_it), job);
    EXPECT_TRUE(refused);
    if (refused) {
        EXPECT_EQ(refused->cause.code, errc::cancelled) << refused->cause.text();
    }
    const auto in_step = co_await c.request(verb::pwd, {});
    EXPECT_TRUE(in_step);
    if (in_step) {
        EXPECT_EQ(in_step->code, 257);
    }
    co_await c.quit();
}

TEST(connection, ABOR_ends_a_transfer_and_leaves_the_session_in_step) {
    for (const auto* replies : {"426 aborted\r\n226 aborted\r\n", "226 aborted\r\n", "150 0.1 seconds\r\n226 aborted\r\n",
                                "225 aborted\r\n426 cut\r\n", "500 what\r\n426 cut\r\n"}) {
        SCOPED_TRACE(replies);
        const scripted_server server(slow_transfer({{"ABOR", replies}}));
        run_on_loop([&](net::loop& loop) { return move_and_abort(loop, server.port()); });
    }
}

// ---- Bounds and hooks

net::task<> open_within(net::loop& loop, std::uint16_t port, net::clock::duration bound, errc& ended) {
    connection c(loop, quickly());
    c.set_deadline(net::clock::now() + bound);
    server_address server = at(port);
    credentials login;
    const auto failed = co_await c.open(std::move(server), open_depth::login, std::move(login));
    ended = failed ? failed->cause.code : errc::misuse;
}

TEST(connection, nothing_lasts_beyond_the_bound_of_the_whole) {
    ftp_stub server({.replies = {{"PASS", std::string(testing::stay_silent)}}});
    const auto begun = net::clock::now();
    errc ended = errc::misuse;
    run_on_loop([&](net::loop& loop) { return open_within(loop, server.port(), 200ms, ended); });
    EXPECT_EQ(ended, errc::timeout);
    EXPECT_LT(net::clock::now() - begun, 1500ms);
}

net::task<> open_with_hooks(net::loop& loop, server_address server, connection_options options,
                            std::optional<proto::client_failure>& failed, endpoint& local) {
    connection c(loop, std::move(options));
    credentials login;
    failed = co_await c.open(std::move(server), open_depth::greeting, std::move(login));
    local = c.control().local();
    auto stream = c.release();
    EXPECT_EQ(stream.is_open(), !failed);
    EXPECT_FALSE(c.is_open());
}

TEST(connection, the_preamble_is_sent_first_and_the_hook_sees_each_address) {
    std::string first;
    std::uint16_t port = 0;
    {
        const scripted_server server([&](blocking_socket& control) {
            first = control.read_line();
            control.send("220 hi\r\n");
            control.read_to_end();
        });
        port = server.port();
        auto options = quickly();
        options.preamble = "PROXY UNKNOWN\r\n";
        endpoint seen;
        endpoint local;
        options.before_connect = [&](const endpoint& to) -> result<std::function<void(const endpoint&)>> {
            if (to.address.text() == "127.0.0.2") return fail(errc::misuse, "not there");
            return [&seen](const endpoint& mine) { seen = mine; };
        };
        auto address = at(port);
        address.addresses = {*ip_address::parse("127.0.0.2"), *ip_address::parse("127.0.0.1")};
        std::optional<proto::client_failure> failed;
        run_on_loop([&](net::loop& loop) { return open_with_hooks(loop, address, options, failed, local); });
        EXPECT_FALSE(failed);
        EXPECT_EQ(seen.port, local.port);
        address.addresses.pop_back();
        run_on_loop([&](net::loop& loop) { return open_with_hooks(loop, address, options, failed, local); });
        ASSERT_TRUE(failed);
        EXPECT_EQ(failed->at, client_step::connect);
        EXPECT_EQ(failed->cause.what, "not there");
    }
    EXPECT_EQ(first, "PROXY UNKNOWN");
}

}  // namespace
}  // namespace sallyport::client
