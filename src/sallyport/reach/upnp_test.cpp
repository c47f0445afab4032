#include <sallyport/reach/upnp.hpp>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <sallyport/net/net_test.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::reach {
namespace {

const ip_address own = *ip_address::parse("192.168.77.10");

/// The UPnP service of a router, with an answer for each action; it refuses the others.
class test_service {
public:
    explicit test_service(std::map<std::string, std::string> answers) : answers_(std::move(answers)) {
        const net::socket_address any({ip_address::v4({127, 0, 0, 1}), 0});
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
        const auto begin = got.find("<u:") + 3;
        actions_.push_back(got.substr(begin, got.find(' ', begin) - begin));
        const auto found = answers_.find(actions_.back());
        const auto body = found == answers_.end() ? "<r><errorCode>501</errorCode></r>" : "<r>" + found->second + "</r>";
        const auto head = found == answers_.end() ? "HTTP/1.1 500 Error" : "HTTP/1.1 200 OK";
        const auto reply = head + ("\r\nContent-Length: " + std::to_string(body.size())) + "\r\n\r\n" + body;
        (void)::send(with.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
    }

    std::map<std::string, std::string> answers_;
    unique_fd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    endpoint place_;
    std::vector<std::string> actions_;
    std::jthread thread_;
};

std::string mapped_to(const char* host) {
    return std::string("<NewInternalPort>21</NewInternalPort><NewInternalClient>") + host + "</NewInternalClient>";
}

class Upnp : public net::net_test {};

TEST_F(Upnp, OnlyAMappingOfThisHostIsDeleted) {
    test_service ours({{"GetSpecificPortMappingEntry", mapped_to("192.168.77.10")}, {"DeletePortMapping", ""}});
    EXPECT_TRUE(run(remove_upnp(test_loop(), ours.service(), own, 2121, false)));
    EXPECT_EQ(ours.actions(), (std::vector<std::string>{"GetSpecificPortMappingEntry", "DeletePortMapping"}));
    test_service theirs({{"GetSpecificPortMappingEntry", mapped_to("192.168.77.11")}, {"DeletePortMapping", ""}});
    const auto removed = run(remove_upnp(test_loop(), theirs.service(), own, 2121, true));
    ASSERT_FALSE(removed);
    EXPECT_EQ(removed.error().code, errc::not_allowed);
    EXPECT_EQ(theirs.actions(), std::vector<std::string>{"GetSpecificPortMappingEntry"});
    const std::map<std::string, std::string> deletion{{"DeletePortMapping", ""}};
    test_service silent(deletion);
    EXPECT_FALSE(run(remove_upnp(test_loop(), silent.service(), own, 2121, false)));
    EXPECT_EQ(silent.actions().size(), 1U);
    test_service unwilling(deletion);
    EXPECT_TRUE(run(remove_upnp(test_loop(), unwilling.service(), own, 2121, true))) << "this process has made it";
    EXPECT_EQ(unwilling.actions(), (std::vector<std::string>{"GetSpecificPortMappingEntry", "DeletePortMapping"}));
    test_service without({{"GetSpecificPortMappingEntry", "<errorCode>714</errorCode>"}, {"DeletePortMapping", ""}});
    EXPECT_TRUE(run(remove_upnp(test_loop(), without.service(), own, 2121, true))) << "nothing is there";
    EXPECT_EQ(without.actions().size(), 1U);
}

TEST_F(Upnp, ANewMappingWithoutAnExternalAddressIsDeletedAgain) {
    const std::map<std::string, std::string> answers{{"AddPortMapping", ""},
                                                     {"GetExternalIPAddress", ""},
                                                     {"GetSpecificPortMappingEntry", mapped_to("192.168.77.10")},
                                                     {"DeletePortMapping", ""}};
    test_service made(answers);
    const add_upnp_mapping wanted{.local_port = 21, .suggested_port = 21, .lease = std::chrono::seconds(3600)};
    EXPECT_FALSE(run(add_upnp(test_loop(), made.service(), own, wanted)));
    EXPECT_EQ(made.actions().back(), "DeletePortMapping");
    test_service renewed(answers);
    auto renewal = wanted;
    renewal.is_renewal = true;
    EXPECT_FALSE(run(add_upnp(test_loop(), renewed.service(), own, renewal)));
    EXPECT_EQ(renewed.actions().back(), "GetExternalIPAddress") << "the port is still in use";
}

}  // namespace
}  // namespace sallyport::reach
