#pragma once
// For tests: the UPnP service of a router, with an answer for each action, served by a thread of its own; it refuses the
// other actions.

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/socket_address.hpp>
#include <sallyport/reach/upnp_messages.hpp>

namespace sallyport::reach {

class test_service {
public:
    explicit test_service(std::map<std::string, std::string> answers, const ip_address& at = ip_address::v4({127, 0, 0, 1}))
        : answers_(std::move(answers)), socket_(::socket(at.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const net::socket_address any({at, 0});
        EXPECT_EQ(::bind(socket_.get(), any.data(), any.length()), 0);
        EXPECT_EQ(::listen(socket_.get(), 8), 0);
        net::socket_address bound;
        ::getsockname(socket_.get(), bound.data(), bound.size());
        place_ = bound.value();
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }
    [[nodiscard]] upnp_service service() const {
        return {.control = {place_, "/control"}, .type = "urn:schemas-upnp-org:service:WANIPConnection:1"};
    }
    /// The actions that were asked for; ends the service.
    [[nodiscard]] std::vector<std::string> actions() {
        thread_ = {};
        return actions_;
    }

    /// All that it has received, by request; ends the service.
    [[nodiscard]] std::vector<std::string> requests() {
        thread_ = {};
        return requests_;
    }

private:
    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd waiting{socket_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 20) == 1) answer(unique_fd(::accept(socket_.get(), nullptr, nullptr)));
        }
    }
    void answer(const unique_fd& with) {
        std::string got;
        std::string block(4096, '\0');
        while (!got.contains("</s:Envelope>")) {
            const auto size = ::recv(with.get(), block.data(), block.size(), 0);
            if (size <= 0) return;
            got.append(block, 0, static_cast<std::size_t>(size));
        }
        requests_.push_back(got);
        const auto begin = got.find("<u:") + 3;
        actions_.push_back(got.substr(begin, got.find(' ', begin) - begin));
        const auto found = answers_.find(actions_.back());
        const auto body = found == answers_.end() ? "<r><errorCode>501</errorCode></r>" : "<r>" + found->second + "</r>";
        const auto head = body.contains("errorCode") ? "HTTP/1.1 500 Error" : "HTTP/1.1 200 OK";
        const auto reply = head + ("\r\nContent-Length: " + std::to_string(body.size())) + "\r\n\r\n" + body;
        (void)::send(with.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
    }

    std::map<std::string, std::string> answers_;
    unique_fd socket_;
    endpoint place_;
    std::vector<std::string> actions_;
    std::vector<std::string> requests_;
    std::jthread thread_;
};

}  // namespace sallyport::reach
