#pragma once
// Test support: runs a text script against the client machine, one step per line.
//
// Owned by a test, used on its thread.

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include <sallyport/proto/client_machine.hpp>

namespace sallyport::proto {

/// Runs a script, one step per line:
///   "< 220 hi"         The server sends this line.
///   "> USER x"         The machine must have sent exactly this line.
///   "* tls"            The machine starts TLS; the handshake succeeds.
///   "* connect A:P"    The machine connects to this address; the connection is accepted.
///   "* refused A:P"    The machine connects to this address; the connection is refused.
///   "* silent A:P"     The machine connects to this address; the connection times out.
///   "* listen A:P"     The machine listens; this is the address of its listener.
///   "* accept"         The machine accepts; the server's data connection arrives.
///   "* unconnected"    The machine accepts; no data connection arrives.
///   "* move"           The machine starts to transfer data; "* move protected" with TLS.
///   "* data"           The data connection ends without an error.
///   "* lost"           The control connection is lost.
///   "* silence"        The time limit of a read expires.
///   "* await", "* drop", "* done"   The machine must return this action.
class client_script {
public:
    explicit client_script(client_settings s = plain()) : machine(std::move(s)) {}

    static client_settings plain() {
        client_settings s;
        s.local = {ip_address::v4({192, 0, 2, 7}), 40000};
        s.peer = {ip_address::v4({192, 0, 2, 1}), 21};
        s.password = "pw";
        return s;
    }
    static client_settings tls() {
        auto s = plain();
        s.tls_required = true;
        return s;
    }

    client_script& run(std::initializer_list<std::string_view> steps) {
        for (const auto line : steps) {
            SCOPED_TRACE(std::string(line));
            perform(line);
            if (::testing::Test::HasFatalFailure()) break;
        }
        return *this;
    }
    /// Runs an anonymous login.
    client_script& log_in() {
        return run(
            {"< 220 hi", "> USER anonymous", "< 331 pw?", "> PASS pw", "< 230 in", "> FEAT", "< 502 what?", "* done"});
    }

    const client_failure& failure() {
        static const client_failure none{};
        EXPECT_TRUE(machine.failure().has_value());
        return machine.failure() ? *machine.failure() : none;
    }

    client_machine machine;

private:
    template <class Action>
    Action expect() {
        const auto action = machine.next();
        collect();
        const auto* found = std::get_if<Action>(&action);
        EXPECT_NE(found, nullptr) << "another action, number " << action.index()
                                  << (machine.failure() ? ", failure: " + machine.failure()->cause.text() : "");
        if constexpr (std::is_aggregate_v<Action> && std::is_empty_v<Action>)
            return {};
        else
            return found ? *found : Action{};
    }
    void collect() {
        sent_ += machine.output();
        machine.output_sent();
    }
    void perform(std::string_view line) {
        const auto text = line.substr(2);
        if (line.starts_with("< ")) {
            machine.receive(std::string(text) + "\r\n");
        } else if (line.starts_with("> ")) {
            (void)machine.next();
            collect();
            EXPECT_EQ(sent_, std::string(text) + "\r\n");
            sent_.clear();
        } else {
            act(text.substr(0, text.find(' ')), text.find(' ') == text.npos ? "" : text.substr(text.find(' ') + 1));
        }
    }
    void act(std::string_view action, std::string_view argument) {
        if (action == "tls") {
            expect<client_act::start_tls>();
            machine.tls_started();
        } else if (action == "connect" || action == "refused" || action == "silent") {
            EXPECT_EQ(expect<client_act::connect_data>().to.text(), argument);
            machine.data_opened(action == "connect"   ? result<void>{}
                                : action == "refused" ? result<void>(fail(errc::refused))
                                                      : result<void>(fail(errc::timeout)));
        } else if (action == "listen") {
            expect<client_act::listen_data>();
            machine.data_listening(*endpoint::parse(argument));
        } else if (action == "accept") {
            expect<client_act::accept_data>();
            machine.data_opened({});
        } else if (action == "unconnected") {
            expect<client_act::accept_data>();
            machine.data_opened(fail(errc::timeout));
        } else if (action == "move") {
            EXPECT_EQ(expect<client_act::transfer_data>().protect, argument == "protected");
        } else if (action == "data") {
            machine.data_done();
        } else if (action == "lost") {
            machine.connection_failed(error{errc::reset, 0, {}});
        } else if (action == "silence") {
            expect<client_act::read>();
            machine.connection_failed(error{errc::timeout, 0, {}});
        } else if (action == "await") {
            expect<client_act::await_data>();
        } else if (action == "drop") {
            expect<client_act::close_data>();
        } else if (action == "done") {
            expect<client_act::done>();
            EXPECT_EQ(sent_, "");
        } else {
            ADD_FAILURE() << "not a step";
        }
    }

    std::string sent_;
};

inline client_transfer retr(std::string path) { return {.command = verb::retr, .path = std::move(path)}; }

}  // namespace sallyport::proto
