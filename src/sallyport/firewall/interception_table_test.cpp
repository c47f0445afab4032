// interception_table with the real kernel: this process is the router, with a client and a server in network namespaces of
// their own.

#include <sallyport/firewall/interception_table.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <sallyport/firewall/conntrack.hpp>
#include <sallyport/firewall/interception_text.hpp>
#include <sallyport/firewall/nft_table.hpp>
#include <sallyport/firewall/test_network.hpp>
#include <sallyport/net/socket_address.hpp>

namespace sallyport::firewall {
namespace {

using namespace std::chrono_literals;

void shell(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

std::string output_of(const std::string& command) {
    std::string out;
    FILE* p = ::popen(command.c_str(), "r");
    std::array<char, 4096> part{};
    while (const auto got = std::fread(part.data(), 1, part.size(), p)) out.append(part.data(), got);
    ::pclose(p);
    return out;
}

/// A host in a network namespace of its own, which ends with this value.
class other_host {
public:
    /// Connected to this machine by an interface `link`, with .1 and ::1 of these networks here and .2 and ::2 there.
    other_host(const std::string& link, const std::string& v4, const std::string& v6) : link_(link) {
        int ready[2]{};
        EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const char byte = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
            (void)!::write(ready[1], &byte, 1);
            for (;;) ::pause();
        }
        char byte = 0;
        EXPECT_EQ(::read(ready[0], &byte, 1), 1);
        EXPECT_EQ(byte, 'y');
        ::close(ready[0]);
        ::close(ready[1]);
        network_ = unique_fd(::open(fmt::format("/proc/{}/ns/net", process_).c_str(), O_RDONLY | O_CLOEXEC));
        const auto inside = fmt::format("nsenter -t {} -n ip", process_);
        shell(
            fmt::format("ip link add {0} type veth peer name eth0 netns {1} && ip addr add {2}.1/24 dev {0} && "
                        "ip addr add {3}::1/64 dev {0} nodad && ip link set {0} up",
                        link, process_, v4, v6));
        shell(
            fmt::format("{0} addr add {1}.2/24 dev eth0 && {0} addr add {2}::2/64 dev eth0 nodad && {0} link set lo up && "
                        "{0} link set eth0 up && {0} route add default via {1}.1 && {0} -6 route add default via {2}::1",
                        inside, v4, v6));
        // The first packets of a new link can be lost.
        for (const auto& router : {v4 + ".1:9", "[" + v6 + "::1]:9"}) {
            int os = 0;
            for (int i = 0; i < 10 && os != ECONNREFUSED; ++i) (void)connect(router, &os);
            EXPECT_EQ(os, ECONNREFUSED) << router;
        }
    }
    other_host(const other_host&) = delete;
    other_host& operator=(const other_host&) = delete;
    ~other_host() {
        [[maybe_unused]] const int status = std::system(("ip link del " + link_).c_str());
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    [[nodiscard]] unique_fd socket(int family) const {
        const unique_fd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
        EXPECT_EQ(::setns(network_.get(), CLONE_NEWNET), 0);
        unique_fd out(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::setns(here.get(), CLONE_NEWNET), 0);
        return out;
    }
    [[nodiscard]] unique_fd listen(std::string_view at) const {
        const net::socket_address local(*endpoint::parse(at));
        auto out = socket(local.family());
        EXPECT_EQ(::bind(out.get(), local.data(), local.length()), 0);
        EXPECT_EQ(::listen(out.get(), 5), 0);
        return out;
    }
    /// The connected socket; without, and with `os` set, if the connection fails or takes longer than 1 s.
    [[nodiscard]] unique_fd connect(std::string_view to, int* os = nullptr) const {
        const net::socket_address other(*endpoint::parse(to));
        auto out = socket(other.family());
        const timeval limit{1, 0};
        ::setsockopt(out.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        const bool connected = ::connect(out.get(), other.data(), other.length()) == 0;
        if (os != nullptr) *os = connected ? 0 : errno;
        if (!connected) out.reset();
        return out;
    }

private:
    std::string link_;
    int process_ = 0;
    unique_fd network_;
};

/// The next connection of a listener within 2 s.
unique_fd accept_from(const unique_fd& listener, int milliseconds = 2000) {
    pollfd ready{listener.get(), POLLIN, 0};
    if (::poll(&ready, 1, milliseconds) != 1) return {};
    return unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

/// A socket of this machine that may have addresses of other hosts.
unique_fd transparent_socket(const endpoint& at) {
    const net::socket_address local(at);
    unique_fd out(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_TRUE(net::set_option(out.get(), at.address.is_v4() ? SOL_IP : SOL_IPV6,
                                at.address.is_v4() ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1));
    EXPECT_EQ(::bind(out.get(), local.data(), local.length()), 0);
    return out;
}

class interception_table_test : public testing::Test {
protected:
    void SetUp() override {
        enter_test_network();
        if (IsSkipped() || HasFatalFailure()) return;
        shell("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
        client.emplace("lan0", "192.0.2", "2001:db8:1");
        server.emplace("wan0", "198.51.100", "2001:db8:2");
        listener4 = transparent_socket(interception_listener(true, 0));
        listener6 = transparent_socket(interception_listener(false, 0));
        ASSERT_EQ(::listen(listener4.get(), 5), 0);
        ASSERT_EQ(::listen(listener6.get(), 5), 0);
        settings.interceptions = {{.interfaces = {"lan0"}, .ports = {21, 2121}}};
        settings.interceptions[0].listeners = {net::local_endpoint(listener4.get()).port,
                                               net::local_endpoint(listener6.get()).port};
        const auto chosen = choose_free_numbers(settings);
        ASSERT_TRUE(chosen) << chosen.error().text();
    }
    void start() {
        auto made = interception_table::start(settings);
        ASSERT_TRUE(made) << made.error().text();
        tested = std::move(*made);
    }

    std::optional<other_host> client;
    std::optional<other_host> server;
    unique_fd listener4;
    unique_fd listener6;
    interception_settings settings;
    std::unique_ptr<interception_table> tested;
};

/// Whether the two ends are connected with each other.
void expect_bytes_to_pass(const unique_fd& a, const unique_fd& b) {
    char byte = 'x';
    ASSERT_EQ(::send(a.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(b.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::send(b.get(), &byte, 1, 0), 1);
    ASSERT_EQ(::recv(a.get(), &byte, 1, 0), 1);
}

// G9: the gateway accepts the connection in place of its destination, and connects to the destination from the client's
// address.
TEST_F(interception_table_test, takes_a_session_with_both_addresses) {
    start();
    for (const auto* to : {"198.51.100.2:2121", "[2001:db8:2::2]:21"}) {
        const auto target = *endpoint::parse(to);
        const auto there = server->listen(to);
        const auto outside = client->connect(to);
        ASSERT_TRUE(outside) << to;
        const auto control = accept_from(target.address.is_v4() ? listener4 : listener6);
        ASSERT_TRUE(control) << to;
        EXPECT_EQ(net::local_endpoint(control.get()), target);
        EXPECT_EQ(net::peer_endpoint(control.get()), net::local_endpoint(outside.get()));
        expect_bytes_to_pass(outside, control);
        auto tracking = conntrack::open();
        ASSERT_TRUE(tracking);
        const auto found = tracking->find(flow::of_socket(control.get()));
        ASSERT_TRUE(found && *found);
        EXPECT_EQ((*found)->helper, control_helper);
        EXPECT_EQ((*found)->mark, settings.mark.of_connection());

        const auto backend = transparent_socket({net::peer_endpoint(control.get()).address, 0});
        const net::socket_address destination(target);
        ASSERT_EQ(::connect(backend.get(), destination.data(), destination.length()), 0) << to;
        const auto inside = accept_from(there);
        ASSERT_TRUE(inside);
        EXPECT_EQ(net::peer_endpoint(inside.get()).address, net::peer_endpoint(control.get()).address);
        expect_bytes_to_pass(backend, inside);

        // The rules find the session again after its connection was forgotten.
        shell("conntrack -F 2>/dev/null");
        expect_bytes_to_pass(outside, control);
        expect_bytes_to_pass(backend, inside);
        const auto again = tracking->find(flow::of_socket(control.get()));
        ASSERT_TRUE(again && *again);
        EXPECT_EQ((*again)->helper, control_helper);
    }
}

// A data connection crosses the router by itself, past rules that accept related connections only, and inherits the mark.
TEST_F(interception_table_test, admits_data_connections_past_strict_rules) {
    start();
    auto made = nft_table::make();
    ASSERT_TRUE(made);
    shell(
        "nft 'add table inet strict; add chain inet strict forward { type filter hook forward priority 0; policy drop; }; "
        "add rule inet strict forward ct state established,related accept'");
    const auto outside = client->connect("198.51.100.2:21");
    const auto control = accept_from(listener4);
    ASSERT_TRUE(control);
    const auto data_listener = server->listen("198.51.100.2:40000");
    int os = 0;
    EXPECT_FALSE(client->connect("198.51.100.2:40000", &os));
    const auto to = *endpoint::parse("198.51.100.2:40000");
    const auto from = net::peer_endpoint(control.get()).address;
    const opening passive{from, to, to, from, 30s};
    const auto open = [&](const opening& o) {
        const change one{change_kind::open, o, *owned_control_connections::duplicate({control.get(), -1})};
        return (*made)->commit({&one, 1});
    };
    ASSERT_TRUE(open(passive));
    const auto data = client->connect("198.51.100.2:40000", &os);
    ASSERT_TRUE(data) << os;
    const auto accepted = accept_from(data_listener);
    ASSERT_TRUE(accepted);
    expect_bytes_to_pass(data, accepted);
    EXPECT_EQ(net::peer_endpoint(accepted.get()), net::local_endpoint(data.get()));
    EXPECT_EQ((*made)->use_of(passive), opening_use::established);
    auto tracking = conntrack::open();
    const auto found = tracking->find(flow::of_socket(data.get()));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->mark, settings.mark.of_connection());
    EXPECT_FALSE(client->connect("198.51.100.2:40000", &os));

    // Active: the server connects to an address of the router, and the client sees the server's own address and port.
    const auto client_listener = client->listen("192.0.2.2:30000");
    const auto server_address = *ip_address::parse("198.51.100.2");
    const opening active{server_address, *endpoint::parse("198.51.100.1:50000"), *endpoint::parse("192.0.2.2:30000"),
                         server_address, 30s};
    EXPECT_FALSE(server->connect("198.51.100.1:50000", &os));
    ASSERT_TRUE(open(active));
    const auto active_data = server->connect("198.51.100.1:50000", &os);
    ASSERT_TRUE(active_data) << os;
    const auto active_accepted = accept_from(client_listener);
    ASSERT_TRUE(active_accepted);
    EXPECT_EQ(net::peer_endpoint(active_accepted.get()), net::local_endpoint(active_data.get()));
    expect_bytes_to_pass(active_data, active_accepted);
    EXPECT_FALSE(server->connect("198.51.100.1:50000", &os));
    shell("nft delete table inet strict");
}

TEST_F(interception_table_test, takes_only_what_the_terms_name) {
    const auto direct = server->listen("198.51.100.2:2121");
    const auto here = transparent_socket(*endpoint::parse("192.0.2.1:2121"));
    ASSERT_EQ(::listen(here.get(), 5), 0);
    start();
    EXPECT_TRUE(client->connect("192.0.2.1:2121")) << "the router's own address";
    EXPECT_TRUE(accept_from(here));
    EXPECT_FALSE(accept_from(listener4, 50));

    const auto restart_with = [this](auto change_terms) {
        tested.reset();
        auto& terms = settings.interceptions[0];
        terms = {.interfaces = {"lan0"}, .ports = {2121}, .listeners = terms.listeners};
        change_terms(terms);
        start();
    };
    const auto expect_direct = [&](const char* why) {
        EXPECT_TRUE(client->connect("198.51.100.2:2121")) << why;
        EXPECT_TRUE(accept_from(direct)) << why;
        EXPECT_FALSE(accept_from(listener4, 50)) << why;
    };
    const auto expect_taken = [&](const char* why) {
        EXPECT_TRUE(client->connect("198.51.100.2:2121")) << why;
        EXPECT_TRUE(accept_from(listener4)) << why;
    };
    restart_with([](interception& i) { i.ports = {21}; });
    expect_direct("port");
    restart_with([](interception& i) { i.interfaces = {"wan0", "lan"}; });
    expect_direct("interface");
    restart_with([](interception& i) { i.interfaces = {"wan0", "la*"}; });
    expect_taken("interface");
    restart_with([](interception& i) { i.from = {*ip_network::parse("192.0.3.0/24")}; });
    expect_direct("from");
    restart_with([](interception& i) { i.from = {*ip_network::parse("192.0.3.0/24"), *ip_network::parse("192.0.2.0/30")}; });
    expect_taken("from");
    restart_with([](interception& i) { i.to = {*ip_network::parse("198.51.100.3"), *ip_network::parse("2001:db8::/32")}; });
    expect_direct("to");
    restart_with([](interception& i) { i.to = {*ip_network::parse("198.51.100.3"), *ip_network::parse("198.51.100.2")}; });
    expect_taken("to");
    restart_with([](interception& i) { i.except = {*ip_network::parse("198.51.96.0/20")}; });
    expect_direct("except");
    restart_with([](interception& i) {
        i.ports = {21};
        i.implicit_ports = {2121};
    });
    expect_taken("implicit");
}

// The administrator loads his rules again.
TEST_F(interception_table_test, survives_a_flush_of_all_rules) {
    start();
    const auto outside = client->connect("198.51.100.2:2121");
    const auto control = accept_from(listener4);
    ASSERT_TRUE(control);
    shell("nft flush ruleset");
    expect_bytes_to_pass(outside, control);
    EXPECT_TRUE(client->connect("198.51.100.2:2121"));
    EXPECT_TRUE(accept_from(listener4));
}

// Another interception of the same interface has listeners of its own.
TEST_F(interception_table_test, distinguishes_interceptions_by_their_listeners) {
    auto second = transparent_socket(interception_listener(true, 0));
    ASSERT_EQ(::listen(second.get(), 5), 0);
    settings.interceptions[0].to = {*ip_network::parse("198.51.100.2")};
    settings.interceptions.push_back(
        {.interfaces = {"lan0"}, .ports = {21}, .listeners = {net::local_endpoint(second.get()).port, 0}});
    settings.interceptions[1].to = {*ip_network::parse("198.51.100.3")};
    start();
    EXPECT_TRUE(client->connect("198.51.100.3:21"));
    EXPECT_TRUE(accept_from(second));
    EXPECT_TRUE(client->connect("198.51.100.2:21"));
    EXPECT_TRUE(accept_from(listener4));
}

// Sessions that cross the router when the gateway starts are not disturbed, and when it ends, new ones cross it again.
TEST_F(interception_table_test, leaves_earlier_sessions_alone_and_removes_everything) {
    const auto direct = server->listen("198.51.100.2:2121");
    const auto earlier = client->connect("198.51.100.2:2121");
    const auto earlier_accepted = accept_from(direct);
    ASSERT_TRUE(earlier && earlier_accepted);
    const auto before =
        output_of("nft list ruleset; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all");
    start();
    expect_bytes_to_pass(earlier, earlier_accepted);
    EXPECT_FALSE(accept_from(listener4, 50));
    EXPECT_NE(output_of("ip rule").find("fwmark 0x10000000/0x30000000 lookup 8300 proto 83"), std::string::npos)
        << output_of("ip rule");
    tested.reset();
    EXPECT_EQ(output_of("nft list ruleset; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all"),
              before);
    EXPECT_TRUE(client->connect("198.51.100.2:2121"));
    EXPECT_TRUE(accept_from(direct));
}

// The text is what the kernel has: nft reads it, and lists both tables in the same way.
TEST_F(interception_table_test, is_what_its_text_says) {
    auto& terms = settings.interceptions[0];
    terms.interfaces = {"lan0", "ppp*"};
    terms.implicit_ports = {990};
    terms.from = {*ip_network::parse("192.0.2.0/25"), *ip_network::parse("2001:db8::/33")};
    terms.to = {*ip_network::parse("0.0.0.0/1"), *ip_network::parse("2000::/3")};
    terms.except = {*ip_network::parse("198.51.100.9"), *ip_network::parse("2001:db8:2::9")};
    settings.down = when_down::block;
    for (const auto mark : {settings.mark, mark_bits{7, 0xffffffff}}) {
        settings.mark = mark;
        start();
        const auto text = text_of(settings);
        const auto listed = [](const std::string& table) {
            auto out = output_of("nft list table inet " + table);
            out.erase(0, out.find('\n'));
            if (const auto owner = out.find("\tflags owner\n\n"); owner != std::string::npos) out.erase(owner, 14);
            return out;
        };
        const auto names = output_of(fmt::format("nft list tables | grep -o '{}[0-9a-f]*'", blocking_table_prefix));
        const auto blocking = names.substr(0, names.find('\n'));
        for (const auto& [table, script] : {std::pair{tested->name(), text.rules}, {blocking, text.blocking}}) {
            auto renamed = script;
            renamed.replace(renamed.find("sallyport_"), renamed.find(" {") - renamed.find("sallyport_"), "read");
            FILE* nft = ::popen("nft -f -", "w");
            std::fputs(renamed.c_str(), nft);
            ASSERT_EQ(::pclose(nft), 0) << renamed;
            EXPECT_EQ(listed(table), listed("read"));
            shell("nft delete table inet read");
        }
        tested.reset();
    }
}

// With when_down::block, connections are dropped while no gateway accepts them, also after it was killed.
TEST_F(interception_table_test, blocks_while_no_gateway_runs) {
    const auto direct = server->listen("198.51.100.2:2121");
    settings.down = when_down::block;
    start();
    EXPECT_TRUE(client->connect("198.51.100.2:2121"));
    EXPECT_TRUE(accept_from(listener4));
    listener4.reset();
    EXPECT_FALSE(client->connect("198.51.100.2:2121"));
    ASSERT_TRUE(blocking_tables());
    EXPECT_EQ(blocking_tables()->size(), 1U);
    tested.reset();
    EXPECT_TRUE(blocking_tables()->empty());
    EXPECT_TRUE(client->connect("198.51.100.2:2121"));
}

// A graceful restart: while both processes run, new sessions go to the new one, and those of the old one continue.
enum class numbers : std::uint8_t { of_its_own, the_same };
class interception_restart_test : public interception_table_test, public testing::WithParamInterface<numbers> {};
INSTANTIATE_TEST_SUITE_P(with, interception_restart_test, testing::Values(numbers::of_its_own, numbers::the_same));

TEST_P(interception_restart_test, gives_new_sessions_to_the_newest_gateway) {
    start();
    const auto outside = client->connect("198.51.100.2:2121");
    const auto control = accept_from(listener4);
    ASSERT_TRUE(outside && control);
    const auto newer_listener = transparent_socket(interception_listener(true, 0));
    ASSERT_EQ(::listen(newer_listener.get(), 5), 0);
    auto next = settings;
    if (GetParam() == numbers::of_its_own) {
        next.mark = {};
        next.route_table = 0;
    }
    next.interceptions[0].listeners = {net::local_endpoint(newer_listener.get()).port, 0};
    ASSERT_TRUE(choose_free_numbers(next));
    EXPECT_EQ(next.mark == settings.mark, GetParam() == numbers::the_same);
    auto newer = interception_table::start(next);
    ASSERT_TRUE(newer) << newer.error().text();
    const auto next_outside = client->connect("198.51.100.2:2121");
    const auto next_control = accept_from(newer_listener);
    ASSERT_TRUE(next_outside && next_control);
    expect_bytes_to_pass(outside, control);
    expect_bytes_to_pass(next_outside, next_control);
    EXPECT_FALSE(accept_from(listener4, 50));
    tested.reset();
    expect_bytes_to_pass(next_outside, next_control);
    EXPECT_TRUE(client->connect("198.51.100.2:2121"));
    EXPECT_TRUE(accept_from(newer_listener));
    newer->reset();
    EXPECT_EQ(output_of("ip rule; ip -6 rule; ip route show table all; ip -6 route show table all").find("proto 83"),
              std::string::npos);
}

// What a killed gateway leaves is removed at the next start, but not while another one runs.
TEST_F(interception_table_test, removes_what_a_killed_gateway_has_left) {
    int ready[2]{};
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const auto killed = ::fork();
    if (killed == 0) {
        auto made = interception_table::start(settings);
        const char byte = made ? 'y' : 'n';
        (void)!::write(ready[1], &byte, 1);
        for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    ASSERT_EQ(byte, 'y');
    ASSERT_TRUE(remove_leftovers());
    EXPECT_NE(output_of("ip rule").find("proto 83"), std::string::npos) << "the other gateway runs";
    ::kill(killed, SIGKILL);
    ::waitpid(killed, nullptr, 0);
    EXPECT_EQ(output_of("nft list tables").find("sallyport"), std::string::npos);
    auto next = settings;
    next.mark = {};
    next.route_table = 0;
    ASSERT_TRUE(choose_free_numbers(next));
    EXPECT_NE(next.mark, settings.mark);
    EXPECT_NE(next.route_table, settings.route_table);
    ASSERT_TRUE(remove_leftovers());
    EXPECT_EQ(output_of("ip rule; ip -6 rule; ip route show table all").find("proto 83"), std::string::npos);
    next = settings;
    next.mark = {};
    next.route_table = 0;
    ASSERT_TRUE(choose_free_numbers(next));
    EXPECT_EQ(next, settings);
}

TEST_F(interception_table_test, refuses_a_routing_table_in_use) {
    shell("ip route add local default dev lo table 8300");
    const auto refused = interception_table::start(settings);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("routing table 8300 has routes of another program"), std::string::npos)
        << refused.error().what;
    EXPECT_NE(output_of("ip route show table 8300").find("default"), std::string::npos) << "another program's route stays";
    shell("ip route del local default dev lo table 8300");
}

}  // namespace
}  // namespace sallyport::firewall
