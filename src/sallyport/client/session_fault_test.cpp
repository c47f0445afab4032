// Sessions that are cut, stall, or meet a hostile server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using testing::data_end;
using testing::hang_up;
using ::testing::HasSubstr;
using testing::scripted_server;
using testing::send_reset;
using testing::stay_silent;

// ---- Ends that come too early, or never

TEST(client_ends, an_error_in_the_middle_of_a_download) {
    behaviour b;
    b.ends = data_end::stays_open;  // only the control connection shows it
    b.replies["FINAL"] = "451 disk error";
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().reply_code, 451);
    EXPECT_LT(r.elapsed, 900ms);
}

TEST(client_ends, a_reset_data_connection) {
    behaviour b;
    b.ends = data_end::reset;
    b.files["file"] = std::string(100'000, 'r');
    b.replies["FINAL"] = "426 cut";
    ftp_stub server(b);
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::transfer);
}

TEST(client_ends, data_that_stall) {
    behaviour b;
    b.ends = data_end::stays_open;
    b.no_226 = true;
    ftp_stub server(b);
    memory_file to;
    auto how = quick();
    how.stall = 300ms;
    how.reply = 300ms;
    const auto r = get(server.url("file"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::timeout);
    EXPECT_EQ(r.got.error().at, step::transfer);
    EXPECT_LT(r.elapsed, 3s);
}

TEST(client_ends, a_missing_226_is_reported) {
    for (const bool hangs_up : {true, false}) {
        behaviour b;
        b.no_226 = true;
        b.hangs_up_after_data = hangs_up;
        ftp_stub server(b);
        memory_file to;
        auto how = quick();
        how.reply = 300ms;
        const auto r = get(server.url("file"), to, how);
        ASSERT_FALSE(r.got);
        EXPECT_EQ(r.got.error().at, step::transfer);
        EXPECT_THAT(r.text(), HasSubstr("all 420 bytes"));
        EXPECT_THAT(r.text(), HasSubstr("226"));
        EXPECT_EQ(to.content(), std::string(420, 'x'));
    }
}

TEST(client_ends, C3_a_server_that_falls_silent_at_any_step) {
    for (const auto* verb : {"GREETING", "USER", "PASS", "FEAT", "TYPE", "SIZE", "EPSV", "RETR"}) {
        behaviour b;
        b.replies[verb] = stay_silent;
        ftp_stub server(b);
        memory_file to;
        auto how = quick();
        how.greeting = how.reply = 200ms;
        how.methods = {data_method::epsv};
        const auto r = get(server.url("file"), to, how);
        ASSERT_FALSE(r.got) << verb;
        EXPECT_EQ(r.got.error().cause.code, errc::timeout) << verb << ": " << r.text();
        EXPECT_LT(r.elapsed, 1500ms) << verb;
    }
}

TEST(client_ends, C2_PASV_follows_a_silent_EPSV_after_a_second) {
    behaviour b;
    b.replies["EPSV"] = stay_silent;
    ftp_stub server(b);
    memory_file to;
    auto how = quick();
    how.data_open = how.reply = 8s;
    const auto r = get(server.url("file"), to, how);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(methods_tried(r.attempts), "EPSV PASV");
    EXPECT_GE(r.elapsed, proto::epsv_reply_wait);
    EXPECT_LT(r.elapsed, how.data_open);
}

TEST(client_ends, a_server_that_closes_or_resets_at_any_step) {
    for (const auto how_it_ends : {hang_up, send_reset}) {
        for (const auto* verb : {"GREETING", "USER", "PASS", "FEAT", "TYPE", "SIZE", "EPSV", "RETR"}) {
            behaviour b;
            b.replies[verb] = how_it_ends;
            ftp_stub server(b);
            memory_file to;
            const auto r = get(server.url("file"), to);
            ASSERT_FALSE(r.got) << verb;
            EXPECT_THAT(r.got.error().cause.code, ::testing::AnyOf(errc::closed, errc::reset)) << verb << ": " << r.text();
            EXPECT_LT(r.elapsed, 1500ms) << verb;
        }
    }
}

TEST(client_ends, the_port_is_closed) {
    memory_file to;
    const auto r = get("ftp://127.0.0.1:" + std::to_string(testing::refused_port()) + "/x", to);
    EXPECT_EQ(r.got.error().at, step::connect);
    EXPECT_EQ(r.got.error().cause.code, errc::refused);
}

// ---- Hostile servers (C7, CL-03)

TEST(client_hostile, C7_overlong_and_broken_replies_end_the_session) {
    const std::string mebibyte(1 << 20, 'A');
    std::string many_lines = "220-\r\n";
    for (int i = 0; i < 100'000; ++i) many_lines += "220-x\r\n";
    for (const auto& greeting : {"220 " + mebibyte + "\r\n", "220 " + mebibyte, many_lines, std::string("999 hi\r\n"),
                                 std::string("-22 hi\r\n"), std::string("\xff\xff\xff\r\n"), std::string("220 a\0b\r\n", 10),
                                 std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 400 Bad Request\r\n\r\n")}) {
        const scripted_server server([&](testing::blocking_socket& control) {
            control.send(greeting);
            control.read_line();
        });
        memory_file to;
        auto how = quick();
        how.greeting = how.reply = 500ms;
        const auto r = get(server.url("ftp", "x"), to, how);
        ASSERT_FALSE(r.got);
        EXPECT_LT(r.elapsed, 2s);
        EXPECT_EQ(r.text().find('\xff'), std::string::npos);
    }
}

TEST(client_hostile, a_server_that_drips_bytes_gains_no_time) {
    const scripted_server server([](testing::blocking_socket& control) {
        while (control.send("2")) control.wait_for_end(20ms);
    });
    memory_file to;
    auto how = quick();
    how.greeting = 300ms;
    const auto r = get(server.url("ftp", "x"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_LT(r.elapsed, 1500ms);
}

TEST(client_hostile, CL_01_low_ports_in_passive_replies_are_not_used) {
    ftp_stub server({.replies = {{"EPSV", "229 (|||22|)"}, {"PASV", "227 (127,0,0,1,0,22)"}}});
    auto how = quick();
    how.methods = {data_method::epsv, data_method::pasv};
    memory_file to;
    const auto r = get(server.url("file"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::not_allowed);
}

TEST(client_hostile, an_endless_listing_is_cut_off) {
    behaviour b;
    std::string line = "type=file;size=1; ";
    line += std::string(200, 'n') + "\r\n";
    b.listing.reserve(line.size() * 400'000);
    for (int i = 0; i < 400'000; ++i) b.listing += line;
    ftp_stub server(b);
    const auto r = list(server.url("dir"));
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::too_long);
}

}  // namespace
}  // namespace sallyport::client
