// What a server reports of data connections that failed (S7).

#include <sallyport/server/server_test.hpp>

#include <gmock/gmock.h>

namespace sallyport::server {
namespace {

using ::testing::ElementsAre;
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

}  // namespace
}  // namespace sallyport::server
