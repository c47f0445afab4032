#include <sallyport/net/dns.hpp>

#include <atomic>
#include <map>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::net {
namespace {

constexpr std::uint16_t a = 1;
constexpr std::uint16_t aaaa = 28;
constexpr std::uint16_t srv = 33;
constexpr unsigned char no_such_name = 3;

std::string two_bytes(unsigned n) { return {static_cast<char>(n >> 8U), static_cast<char>(n & 0xffU)}; }

/// RFC 1035 section 3.1.
std::string encoded(std::string_view name) {
    std::string out;
    while (!name.empty() && name != ".") {
        const auto label = name.substr(0, name.find('.'));
        out += static_cast<char>(label.size());
        out += label;
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    return out + '\0';
}

std::string service(unsigned priority, unsigned weight, unsigned port, std::string_view target) {
    return two_bytes(priority) + two_bytes(weight) + two_bytes(port) + encoded(target);
}

/// Answers queries over UDP from its table, in a thread of its own.
class name_server {
public:
    explicit name_server(const char* at = "127.0.0.1:0") {
        socket_address address(*endpoint::parse(at));
        socket_ = unique_fd(::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(socket_.get(), address.data(), *address.size()), 0);
    }

    /// The address of the server, which answers from now on.
    [[nodiscard]] endpoint address() {
        if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
        return local_endpoint(socket_.get());
    }

    // To be set before address(). By encoded name and type.
    std::map<std::pair<std::string, std::uint16_t>, std::vector<std::string>> records;
    // Response codes of types that fail.
    std::map<std::uint16_t, unsigned char> failures;
    // Number of bytes by which answers are truncated.
    std::size_t missing_bytes = 0;
    bool silent = false;
    std::atomic<int> queries = 0;

private:
    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
            if (::poll(&ready, 1, 20) != 1) continue;
            std::array<char, 1500> question;
            sockaddr_storage from{};
            socklen_t size = sizeof(from);
            const auto n =
                ::recvfrom(socket_.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 17) continue;
            ++queries;
            if (silent) continue;
            const auto answer = answer_to({question.data(), static_cast<std::size_t>(n)});
            ::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
        }
    }

    [[nodiscard]] std::string answer_to(std::string_view question) const {
        const auto name_size = question.find('\0', 12) + 1 - 12;
        const std::string name(question.substr(12, name_size));
        const auto type = static_cast<std::uint16_t>(static_cast<unsigned char>(question[12 + name_size + 1]));
        const bool known = std::ranges::any_of(records, [&](const auto& each) { return each.first.first == name; });
        auto code = known ? '\0' : static_cast<char>(no_such_name);
        if (const auto failure = failures.find(type); failure != failures.end()) code = static_cast<char>(failure->second);
        std::string body;
        unsigned count = 0;
        if (const auto found = records.find({name, type}); found != records.end()) {
            for (const auto& data : found->second) {
                body += "\xc0\x0c" + two_bytes(type) + two_bytes(1) + two_bytes(0) + two_bytes(1) +
                        two_bytes(static_cast<unsigned>(data.size())) + data;
                ++count;
            }
        }
        std::string out(question.substr(0, 2));
        out += std::string{'\x85', static_cast<char>('\x80' | code)} + two_bytes(1) + two_bytes(count) + two_bytes(0) +
               two_bytes(0);
        out += question.substr(12, name_size + 4);
        out += body;
        return out.substr(0, out.size() - std::min(missing_bytes, out.size()));
    }

    unique_fd socket_;
    std::jthread thread_;
};

class dns_test : public net_test {
protected:
    auto services(name_server& names, const std::string& name) {
        return run(find_service(test_loop(), name, names.address(), soon()));
    }
    auto addresses(name_server& names, const std::string& name) {
        return run(find_addresses(test_loop(), name, names.address(), soon()));
    }
};

TEST_F(dns_test, G7_services_are_sorted_and_complete) {
    name_server names;
    names.records[{encoded("_ftp._tcp.farm.test"), srv}] = {service(10, 5, 2121, "two.farm.test"),
                                                            service(10, 60, 65535, "one.farm.test")};
    const auto found = services(names, "_ftp._tcp.farm.test");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found, (std::vector<srv_record>{{"one.farm.test", 65535, 10, 60}, {"two.farm.test", 2121, 10, 5}}));
}

// RFC 2782: a target "." means that the service is not available at this domain.
TEST_F(dns_test, G7_a_service_that_does_not_exist_has_no_servers) {
    name_server names;
    names.records[{encoded("_ftp._tcp.none.test"), srv}] = {service(0, 0, 0, ".")};
    const auto found = services(names, "_ftp._tcp.none.test");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, errc::unresolved);
    EXPECT_NE(found.error().what.find("names no server"), std::string::npos);
}

TEST_F(dns_test, G7_addresses_of_both_families_are_sorted) {
    name_server names;
    names.records[{encoded("farm.test"), a}] = {std::string("\x0a\0\0\x07", 4), std::string("\x0a\0\0\x05", 4)};
    names.records[{encoded("farm.test"), aaaa}] = {std::string("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16)};
    const auto found = addresses(names, "farm.test");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found,
              (std::vector{*ip_address::parse("10.0.0.5"), *ip_address::parse("10.0.0.7"), *ip_address::parse("fd00::1")}));
}

TEST_F(dns_test, one_family_alone_is_enough) {
    name_server names;
    names.records[{encoded("six.test"), aaaa}] = {std::string("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16)};
    const auto found = addresses(names, "six.test");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found, std::vector{*ip_address::parse("fd00::2")});
}

// G7: servers that were known must not leave the list because one question of two failed.
TEST_F(dns_test, G7_one_failed_family_fails_the_lookup) {
    constexpr unsigned char server_failed = 2;
    name_server names;
    names.records[{encoded("half.test"), a}] = {std::string("\x0a\0\0\x05", 4)};
    names.failures[aaaa] = server_failed;
    const auto found = addresses(names, "half.test");
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().what.find("half.test"), std::string::npos);
}

TEST_F(dns_test, an_unknown_name_is_in_the_error) {
    name_server names;
    const auto service = services(names, "_ftp._tcp.nowhere.test");
    ASSERT_FALSE(service);
    EXPECT_EQ(service.error().code, errc::unresolved);
    EXPECT_NE(service.error().what.find("_ftp._tcp.nowhere.test"), std::string::npos);
    const auto address = addresses(names, "nowhere.test");
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().code, errc::unresolved);
}

// Answers of a name server are not trusted: one that is truncated anywhere is an error, not a crash or a partial list.
TEST_F(dns_test, rejects_a_truncated_answer) {
    const auto whole = service(10, 60, 2121, "one.farm.test");
    for (std::size_t missing_bytes = 1; missing_bytes < whole.size(); missing_bytes += 5) {
        name_server names;
        names.records[{encoded("_ftp._tcp.farm.test"), srv}] = {whole};
        names.missing_bytes = missing_bytes;
        const auto found = run(find_service(test_loop(), "_ftp._tcp.farm.test", names.address(), soon()));
        EXPECT_FALSE(found) << missing_bytes;
    }
}

TEST_F(dns_test, a_silent_server_ends_in_a_timeout) {
    name_server names;
    names.silent = true;
    const auto begun = clock::now();
    const auto found = run(find_service(test_loop(), "_ftp._tcp.farm.test", names.address(), time_limit::within(200ms)));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, errc::timeout);
    EXPECT_LT(clock::now() - begun, 1900ms) << "before the resolver's own timeout of the first query";
    EXPECT_GE(names.queries, 1);
}

TEST_F(dns_test, asks_a_server_at_an_ipv6_address) {
    name_server names("[::1]:0");
    names.records[{encoded("farm.test"), a}] = {std::string("\x0a\0\0\x05", 4)};
    const auto found = addresses(names, "farm.test");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found, std::vector{*ip_address::parse("10.0.0.5")});
}

TEST_F(dns_test, sends_no_query_for_an_address) {
    name_server names;
    const auto found = addresses(names, "192.0.2.7");
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, std::vector{*ip_address::parse("192.0.2.7")});
    EXPECT_EQ(names.queries, 0);
}

}  // namespace
}  // namespace sallyport::net
