// What a server reports of data connections that failed (S7), and SITE DOCTOR (D6).

#include <sallyport/server/server_test.hpp>

#include <sstream>

#include <gmock/gmock.h>

#include <sallyport/proto/client_side/site_doctor.hpp>

namespace sallyport::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class failed_data_test : public server_test {
protected:
    /// "data-ports-dropped 127.0.0.0/24 1", the most recent one first.
    [[nodiscard]] std::vector<std::string> counted() const {
        std::vector<std::string> out;
        for (const auto& each : daemon->failed_data_connections())
            out.push_back(fmt::format("{} {} {}", each.id, each.network, each.count));
        return out;
    }
};

TEST_F(failed_data_test, S7_counts_each_by_its_cause) {
    vfs::put_file(*setup.files, "/f", "content");
    start();
    auto c = logged_in();
    auto data = blocking_socket::connect(c.passive_port());
    EXPECT_THAT(c.ask("RETR f"), StartsWith("150 "));
    EXPECT_EQ(data.read_to_end(), "content");
    EXPECT_THAT(c.reply(), StartsWith("226 "));
    EXPECT_THAT(counted(), IsEmpty());

    (void)c.passive_port();
    EXPECT_THAT(c.ask("RETR f"), StartsWith("425 "));
    EXPECT_THAT(counted(), ElementsAre("data-ports-dropped 127.0.0.0/24 1"));

    (void)c.passive_port();
    (void)c.passive_port("PASV");
    EXPECT_THAT(counted(), ElementsAre("data-ports-refused 127.0.0.0/24 1", "data-ports-dropped 127.0.0.0/24 1"));

    // This one gets its connection, and is replaced all the same; the PASV had none.
    auto late = blocking_socket::connect(c.passive_port());
    EXPECT_THAT(c.ask(fmt::format("EPRT |1|127.0.0.1|{}|", testing::refused_port())), StartsWith("200 "));
    EXPECT_THAT(c.ask("RETR f"), StartsWith("425 "));
    EXPECT_THAT(counted().front(), "active-blocked 127.0.0.0/24 1");

    EXPECT_THAT(c.ask("PORT 192,168,1,2,100,10"), StartsWith("504 "));
    EXPECT_TRUE(eventually([&] { return counted().front() == "active-private-address 127.0.0.0/24 1"; }));
}

TEST_F(failed_data_test, a_refused_transfer_is_none) {
    start();
    auto c = logged_in();
    auto data = blocking_socket::connect(c.passive_port());
    EXPECT_THAT(c.ask("RETR missing"), StartsWith("550 "));
    EXPECT_THAT(c.ask("NOOP"), StartsWith("200 "));
    EXPECT_THAT(counted(), IsEmpty());
}

/// The reply to SITE DOCTOR.
result<proto::site_doctor_facts> ask_doctor(ftp_client& c) {
    std::istringstream all(c.ask("SITE DOCTOR"));
    proto::reply read{211, {}};
    for (std::string line; std::getline(all, line);) read.lines.push_back(line.starts_with("211") ? line.substr(4) : line);
    return proto::parse_site_doctor(read);
}

TEST_F(failed_data_test, D6_SITE_DOCTOR_has_what_arrived) {
    setup.site_doctor = true;
    start();
    auto without_login = client();
    EXPECT_THAT(without_login.reply(), StartsWith("220 "));
    EXPECT_THAT(without_login.ask("SITE DOCTOR"), StartsWith("530 "));
    auto c = logged_in();
    const auto port = c.passive_port();
    auto known = ask_doctor(c);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->own.peer.address, *ip_address::parse("127.0.0.1"));
    EXPECT_THAT(known->own.negotiated, HasSubstr(fmt::format("(|||{}|)", port)));
    EXPECT_FALSE(known->own.data.source);

    auto other = blocking_socket::connect(port, INADDR_LOOPBACK, INADDR_LOOPBACK + 1);
    EXPECT_EQ(other.read_to_end(), "");
    auto data = blocking_socket::connect(port);
    EXPECT_TRUE(eventually([&] {
        known = ask_doctor(c);
        return known && known->own.data.source.has_value();
    }));
    EXPECT_THAT(known->own.data.others, ElementsAre(*ip_address::parse("127.0.0.2")));

    EXPECT_THAT(c.ask("PORT 192,168,1,2,100,10"), StartsWith("504 "));
    known = ask_doctor(c);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->own.negotiated, "PORT 192,168,1,2,100,10");
}

TEST_F(failed_data_test, SITE_DOCTOR_is_off_by_default) {
    start();
    auto c = logged_in();
    EXPECT_THAT(c.ask("SITE DOCTOR"), StartsWith("504 "));
}

}  // namespace
}  // namespace sallyport::server
