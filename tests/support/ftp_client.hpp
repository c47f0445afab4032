#pragma once
// Test support: a blocking FTP client for tests of servers and gateways. Owned by one test thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <sallyport/proto/host_port.hpp>
#include <support/blocking_socket.hpp>

namespace sallyport::testing {

struct ftp_client {
    blocking_socket control;
    bool protect_data = false;
    bool resume = true;  // the control connection's TLS session on data connections

    /// The next reply without its last line end; empty if the connection has ended.
    std::string reply() {
        std::string whole;
        for (;;) {
            const std::string line = control.read_line();
            whole += line;
            const bool last = line.size() >= 4 && line[3] == ' ' && line.substr(0, 3) == whole.substr(0, 3);
            if (last || line.empty()) return whole;
            whole += '\n';
        }
    }
    std::string ask(std::string_view line) {
        control.send(std::string(line) + "\r\n");
        return reply();
    }
    [[nodiscard]] std::string code(std::string_view line) { return ask(line).substr(0, 3); }

    /// Reads the greeting and logs in.
    void log_in(const std::string& user = "bob", const std::string& password = "secret") {
        EXPECT_EQ(reply().substr(0, 3), "220");
        send_password(user, password);
    }
    /// AUTH TLS, PBSZ and PROT P.
    void start_tls() {
        EXPECT_EQ(code("AUTH TLS"), "234");
        ASSERT_TRUE(control.connect_tls());
        EXPECT_EQ(code("PBSZ 0"), "200");
        EXPECT_EQ(code("PROT P"), "200");
        protect_data = true;
    }
    void send_password(const std::string& user = "bob", const std::string& password = "secret") {
        EXPECT_EQ(code("USER " + user), "331");
        EXPECT_EQ(code("PASS " + password), "230");
        EXPECT_EQ(code("TYPE I"), "200");
    }

    /// The port in the reply to EPSV or PASV.
    [[nodiscard]] std::uint16_t passive_port(std::string_view command = "EPSV") {
        const std::string passive_reply = ask(command);
        if (const auto port = proto::parse_229(passive_reply); port && passive_reply.starts_with("229 ")) return *port;
        if (const auto to = proto::parse_227(passive_reply); to && passive_reply.starts_with("227 ")) return to->port;
        ADD_FAILURE() << command << ": " << passive_reply;
        return 0;
    }
    [[nodiscard]] blocking_socket passive(std::string_view command = "EPSV") {
        return blocking_socket::connect(passive_port(command));
    }

    /// A complete transfer in passive mode: the content if it ended with 226, otherwise the reply.
    std::string download(std::string_view command) {
        blocking_socket data = passive();
        const std::string refusal = begin(command, data);
        if (!refusal.empty()) return refusal;
        std::string content = data.read_to_end();
        const std::string last = reply();
        return last.starts_with("226 ") ? content : last;
    }
    /// The final reply.
    std::string upload(std::string_view command, std::string_view content) {
        blocking_socket data = passive();
        const std::string refusal = begin(command, data);
        if (!refusal.empty()) return refusal;
        data.send(content);  // a server that stops listening says why in its reply
        data.finish();
        return reply();
    }

private:
    std::string begin(std::string_view command, blocking_socket& data) {
        const std::string first = ask(command);
        if (!first.starts_with("150 ")) return first;
        if (!protect_data || data.connect_tls(resume ? &control : nullptr)) return {};
        return "handshake failed: " + reply();
    }
};

}  // namespace sallyport::testing
