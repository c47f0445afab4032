#include <sallyport/proto/server_data.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

class server_data_test : public ::testing::Test {
protected:
    [[nodiscard]] static command line(std::string_view text) { return parse_command(text).value(); }
    [[nodiscard]] int code(std::string_view text) {
        const auto asked = data.negotiate(line(text), false);
        const auto* answer = std::get_if<reply>(&asked);
        return answer != nullptr ? answer->code : 0;
    }
    /// Reserves a passive port, as the driver does.
    void open_passive(std::string_view text = "PASV") {
        EXPECT_EQ(code(text), 0);
        EXPECT_EQ(data.passive_opened(*endpoint::parse("10.0.0.1:50000")).code, text == "PASV" ? 227 : 229);
    }

    server_data data{*ip_address::parse("192.168.1.2"), true, true};
};

TEST_F(server_data_test, passive_requests_a_port_from_the_driver) {
    const auto asked = data.negotiate(line("EPSV"), true);
    const auto* open = std::get_if<act::open_passive>(&asked);
    ASSERT_NE(open, nullptr);
    EXPECT_TRUE(open->extended);
    EXPECT_TRUE(open->protect);
    EXPECT_FALSE(data.is_negotiated());
    EXPECT_EQ(data.passive_opened(*endpoint::parse("10.0.0.1:50000")).code, 229);
    EXPECT_EQ(data.text(), "passive port is open");
    EXPECT_TRUE(std::holds_alternative<passive_port>(data.release()));
    EXPECT_FALSE(data.is_negotiated());
    EXPECT_FALSE(data.pop_release_request()) << "the transfer owns the port";
}

TEST_F(server_data_test, without_a_port_nothing_is_negotiated) {
    EXPECT_EQ(code("PASV"), 0);
    EXPECT_EQ(data.passive_opened(fail(errc::exhausted, "all are in use")).code, 425);
    EXPECT_FALSE(data.is_negotiated());
}

TEST_F(server_data_test, active_mode_has_the_clients_address) {
    EXPECT_EQ(code("PORT 192,168,1,2,200,1"), 200);
    const auto setup = data.release();
    const auto* target = std::get_if<data_target>(&setup);
    ASSERT_NE(target, nullptr);
    EXPECT_EQ(target->address.text(), "192.168.1.2:51201");
    EXPECT_EQ(target->method, data_method::port);
}

// DC-01, DC-07
TEST_F(server_data_test, a_refused_target_cancels_the_negotiation) {
    open_passive();
    EXPECT_EQ(code("PORT 10,9,9,9,200,1"), 504);
    EXPECT_EQ(data.bounce_attempts(), 1U);
    EXPECT_FALSE(data.is_negotiated());
    EXPECT_TRUE(data.pop_release_request());
    EXPECT_FALSE(data.pop_release_request()) << "only once";
}

TEST_F(server_data_test, a_new_passive_port_replaces_the_old_one) {
    open_passive();
    EXPECT_EQ(code("EPSV"), 0);
    EXPECT_FALSE(data.pop_release_request()) << "the driver releases the old port itself";
}

TEST_F(server_data_test, an_active_target_needs_no_release) {
    EXPECT_EQ(code("PORT 192,168,1,2,200,1"), 200);
    data.release_negotiation();
    EXPECT_FALSE(data.pop_release_request());
    EXPECT_EQ(data.text(), "no data connection");
}

TEST_F(server_data_test, release_persistent_releases_only_an_open_connection) {
    data.store_persistent();
    EXPECT_EQ(data.text(), "data connection open");
    data.release_persistent();
    EXPECT_TRUE(data.pop_release_request());
    open_passive("EPSV");
    data.release_persistent();
    EXPECT_FALSE(data.pop_release_request());
    EXPECT_TRUE(data.is_negotiated());
}

}  // namespace
}  // namespace sallyport::proto
