#include <sallyport/client/client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using testing::data_port;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string file_content(420, 'x');

std::vector<std::string> verbs(const ftp_stub& server) {
    std::vector<std::string> out;
    for (const auto& c : server.commands()) out.push_back(c.substr(0, c.find(' ')));
    return out;
}

// ---- What goes well

TEST(client_session, gets_a_file_in_few_round_trips) {
    ftp_stub server({});
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(to.content(), file_content);
    EXPECT_EQ(r.got->bytes, 420U);
    EXPECT_EQ(r.got->size, 420U);
    EXPECT_EQ(r.got->final_reply, "226 done");
    EXPECT_THAT(verbs(server), ElementsAre("USER", "PASS", "FEAT", "TYPE", "SIZE", "EPSV", "RETR", "QUIT"));
}

TEST(client_session, gets_large_and_empty_files) {
    behaviour b;
    b.files["large"] = std::string(5'000'000, 'y');
    b.files["empty"] = "";
    ftp_stub server(b);
    memory_file large;
    EXPECT_TRUE(get(server.url("large"), large).got);
    EXPECT_EQ(large.content(), b.files["large"]);
    memory_file empty;
    EXPECT_TRUE(get(server.url("empty"), empty).got);
    EXPECT_EQ(empty.content(), "");
}

TEST(client_session, gets_text_with_the_line_ends_of_this_system) {
    behaviour b;
    b.files["text"] = "one\r\ntwo\r\n";
    ftp_stub server(b);
    memory_file to;
    EXPECT_TRUE(get(server.url("text;type=a"), to).got);
    EXPECT_EQ(to.content(), "one\ntwo\n");
    EXPECT_FALSE(server.saw("SIZE"));
}

TEST(client_session, puts_a_file_and_checks_what_arrived) {
    ftp_stub server({});
    const std::string content(3'000'000, 'z');
    const memory_file from(content);
    const auto r = put(from, server.url("new"));
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(server.stored("new"), content);
    EXPECT_THAT(verbs(server), ElementsAre("USER", "PASS", "FEAT", "TYPE", "EPSV", "STOR", "SIZE", "QUIT"));
}

TEST(client_session, an_upload_that_is_shorter_there_is_no_success) {
    behaviour b;
    b.announced_size = 7;
    ftp_stub server(b);
    const memory_file from("0123456789");
    const auto r = put(from, server.url("new"));
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::truncated);
}

TEST(client_session, uploads_text_and_pipes) {
    ftp_stub server({});
    const memory_file text("one\ntwo\n");
    EXPECT_TRUE(put(text, server.url("text;type=a")).got);
    EXPECT_EQ(server.stored("text"), "one\r\ntwo\r\n");
}

// ---- Ways to the data (C1, C4, C6)

TEST(client_data, EPSV_refused_then_PASV) {
    behaviour b;
    b.replies["EPSV"] = "500 what";
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(to.content(), file_content);
    EXPECT_EQ(methods_tried(r.attempts), "EPSV PASV");
}

TEST(client_data, C1_EPSV_goes_nowhere_then_PASV) {
    for (const auto kind : {data_port::refuses, data_port::silent}) {
        behaviour b;
        b.epsv_port = kind;
        ftp_stub server(b);
        memory_file to;
        const auto r = get(server.url("file"), to);
        ASSERT_TRUE(r.got) << r.text();
        EXPECT_EQ(to.content(), file_content);
        EXPECT_EQ(methods_tried(r.attempts), "EPSV PASV");
        EXPECT_LT(r.elapsed, 2s);
    }
}

TEST(client_data, C1_EPSV_dropped_then_PASV) {
    ftp_stub server({.replies = {{"EPSV", std::string(testing::stay_silent)}}});
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(methods_tried(r.attempts), "EPSV PASV");
    EXPECT_LT(r.elapsed, 1500ms);
}

TEST(client_data, C1_both_passive_forms_fail_then_active) {
    for (const bool refused_by_reply : {true, false}) {
        behaviour b;
        if (refused_by_reply) b.replies = {{"EPSV", "500 no"}, {"PASV", "502 no"}};
        b.epsv_port = b.pasv_port = data_port::refuses;
        ftp_stub server(b);
        memory_file to;
        const auto r = get(server.url("file"), to);
        ASSERT_TRUE(r.got) << r.text();
        EXPECT_EQ(to.content(), file_content);
        EXPECT_EQ(methods_tried(r.attempts), "EPSV PASV EPRT");
    }
}

TEST(client_data, active_by_PORT_up_and_down) {
    behaviour b;
    b.replies["EPRT"] = "500 no";
    ftp_stub server(b);
    auto how = quick();
    how.methods = {data_method::eprt, data_method::port};
    memory_file to;
    EXPECT_TRUE(get(server.url("file"), to, how).got);
    EXPECT_EQ(to.content(), file_content);
    const memory_file from("up");
    EXPECT_TRUE(put(from, server.url("up"), how).got);
    EXPECT_EQ(server.stored("up"), "up");
}

/// The router gives each listener the same port at its own address.
class test_mapping final : public listener_mapping {
public:
    explicit test_mapping(result<ip_address> external) : external_(std::move(external)) {}
    net::task<result<endpoint>> open(endpoint local, ip_address server, net::time_limit) override {
        calls += "open ";
        EXPECT_EQ(server.text(), "127.0.0.1");
        if (!external_) co_return std::unexpected(external_.error());
        co_return endpoint{*external_, local.port};
    }
    net::task<> close() override {
        calls += "close ";
        co_return;
    }
    std::string calls;

private:
    const result<ip_address> external_;
};

TEST(client_data, C2_active_mode_sends_what_the_router_maps_and_ends_the_mapping) {
    ftp_stub server({});
    auto how = quick();
    how.methods = {data_method::eprt};
    const auto mapping = std::make_shared<test_mapping>(*ip_address::parse("5.9.1.1"));
    how.mapping = mapping;
    memory_file to;
    const auto r = get(server.url("file"), to, how);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(to.content(), file_content);
    EXPECT_EQ(r.attempts.front().target.address.text(), "5.9.1.1");
    EXPECT_EQ(mapping->calls, "open close ");
}

TEST(client_data, C2_without_a_mapping_the_next_method_is_tried) {
    ftp_stub server({});
    auto how = quick();
    how.methods = {data_method::eprt, data_method::epsv};
    const auto mapping = std::make_shared<test_mapping>(fail(errc::timeout, "no answer"));
    how.mapping = mapping;
    memory_file to;
    const auto r = get(server.url("file"), to, how);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(methods_tried(r.attempts), "EPRT EPSV");
    EXPECT_EQ(mapping->calls, "open close ");
}

TEST(client_data, DC_03_an_unexpected_peer_at_the_active_port_is_rejected) {
    behaviour b;
    b.unexpected_peer_first = true;
    ftp_stub server(b);
    auto how = quick();
    how.methods = {data_method::port};
    memory_file to;
    const auto r = get(server.url("file"), to, how);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(to.content(), file_content);
    EXPECT_EQ(server.unexpected_peers(), 1);
}

TEST(client_data, C4_a_227_with_another_address_takes_one_attempt) {
    for (const auto* address : {"1,2,3,4", "10,0,0,5", "0,0,0,0"}) {
        behaviour b;
        b.pasv_address = address;
        ftp_stub server(b);
        auto how = quick();
        how.methods = {data_method::pasv};
        memory_file to;
        const auto r = get(server.url("file"), to, how);
        ASSERT_TRUE(r.got) << r.text();
        EXPECT_EQ(methods_tried(r.attempts), "PASV");
    }
}

TEST(client_data, C6_says_what_is_wrong_when_nothing_gets_through) {
    behaviour b;
    b.epsv_port = b.pasv_port = data_port::silent;
    ftp_stub server(b);
    auto how = quick();
    how.methods = {data_method::epsv, data_method::pasv};
    memory_file to;
    const auto r = get(server.url("file"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::data);
    EXPECT_THAT(r.text(), HasSubstr("login succeeded"));
    EXPECT_THAT(r.causes(), ::testing::Contains(cause::passive_port_timeout));
    EXPECT_EQ(r.got.error().causes.front().address, r.attempts.front().target);
    EXPECT_THAT(r.text(), HasSubstr(r.attempts.front().target.text()));
    EXPECT_LT(r.elapsed, 2s);
}

TEST(client_data, a_425_leads_to_the_next_method_and_is_quoted) {
    behaviour b;
    b.replies["RETR"] = "425 can't open data connection";
    ftp_stub server(b);
    auto how = quick();
    how.methods = {data_method::epsv, data_method::pasv};
    memory_file to;
    const auto r = get(server.url("file"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::data);
    EXPECT_EQ(methods_tried(r.attempts), "EPSV PASV");
    EXPECT_THAT(r.text(), HasSubstr("425 can't open"));
}

// ---- The misbehaving-server matrix

TEST(client_matrix, a_226_before_the_data) {
    behaviour b;
    b.early_226 = true;
    b.files["file"] = std::string(2'000'000, 'q');
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(to.content(), b.files["file"]);
}

TEST(client_matrix, no_size_anywhere) {
    behaviour b;
    b.says_sizes = false;
    ftp_stub server(b);
    memory_file to;
    EXPECT_TRUE(get(server.url("file"), to).got);
    EXPECT_EQ(to.content(), file_content);
}

TEST(client_matrix, a_short_file_is_no_success) {
    behaviour b;
    b.announced_size = 5000;
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::transfer);
    EXPECT_EQ(r.got.error().cause.code, errc::truncated);
    EXPECT_THAT(r.text(), HasSubstr("received 420 of 5000 bytes"));
    b.replies["SIZE"] = "500 no";  // only the 150 has it
    ftp_stub from_text(b);
    memory_file other;
    EXPECT_EQ(get(from_text.url("file"), other).got.error().cause.code, errc::truncated);
}

TEST(client_matrix, replies_that_end_in_LF_only) {
    behaviour b;
    b.lf_only = true;
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    EXPECT_TRUE(r.got) << r.text();
    EXPECT_LT(r.elapsed, 1s);
}

TEST(client_matrix, a_multi_line_230_that_holds_another_code) {
    behaviour b;
    b.replies["PASS"] = "230-welcome\r\n231 nor this\r\n230 in";
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    EXPECT_TRUE(r.got) << r.text();
}

TEST(client_matrix, login_refused_busy_and_granted_at_once_are_distinguished) {
    memory_file to;
    ftp_stub wrong({.replies = {{"PASS", "530 no"}}});
    auto r = get(wrong.url("file"), to);
    EXPECT_EQ(r.got.error().at, step::login);
    EXPECT_EQ(r.got.error().cause.code, errc::login_refused);
    EXPECT_EQ(verbs(wrong).size(), 2U);  // no second try
    ftp_stub busy({.replies = {{"USER", "421 too many"}}});
    r = get(busy.url("file"), to);
    EXPECT_EQ(r.got.error().reply_code, 421);
    EXPECT_THAT(r.causes(), ::testing::ElementsAre(cause::server_busy));
    ftp_stub open({.replies = {{"USER", "230 in"}}});
    EXPECT_TRUE(get(open.url("file"), to).got);
    EXPECT_FALSE(open.saw("PASS"));
}

TEST(client_matrix, a_refused_file) {
    for (const auto* reply : {"550 no such file", "451 disk error"}) {
        ftp_stub server({.replies = {{"RETR", reply}}});
        memory_file to;
        const auto r = get(server.url("file"), to);
        ASSERT_FALSE(r.got);
        EXPECT_EQ(r.got.error().at, step::request);
        EXPECT_THAT(r.text(), HasSubstr(reply));
        EXPECT_TRUE(server.saw("QUIT"));
    }
}

TEST(client_matrix, C3_a_slow_QUIT_changes_nothing) {
    ftp_stub server({.quit_delay = 8s});
    memory_file to;
    const auto r = get(server.url("file"), to);
    EXPECT_TRUE(r.got) << r.text();
    EXPECT_LT(r.elapsed, 1s);
}

TEST(client_matrix, old_servers_without_FEAT) {
    ftp_stub server({.replies = {{"FEAT", "500 what"}}});
    memory_file to;
    EXPECT_TRUE(get(server.url("file"), to).got);
}

}  // namespace
}  // namespace sallyport::client
