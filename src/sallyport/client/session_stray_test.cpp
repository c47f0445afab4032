// A server that sends one reply too many: an interrupted transfer is never reported as complete.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::scripted_server;

constexpr const char* steps[] = {"USER", "PASS", "FEAT", "TYPE", "SIZE", "EPSV", "RETR"};
constexpr int codes[] = {120, 150, 200, 211, 213, 220, 226, 227, 229, 230, 250, 257, 331, 350, 426, 500, 530, 550};

TEST(client_stray, a_transfer_that_is_cut_is_a_failure_wherever_the_stray_comes) {
    for (const auto* before : steps) {
        for (const int code : codes) {
            ftp_stub server({.files = {{"file", std::string(100, 'x')}},
                             .replies = {{"FINAL", "426 cut"}},
                             .strays = {{before, std::to_string(code) + " one too many"}},
                             .announced_size = 420});
            memory_file to;
            const auto r = get(server.url("file"), to);
            EXPECT_FALSE(r.got) << code << " before the reply to " << before;
        }
    }
}

TEST(client_stray, a_positive_one_ends_the_session_by_its_name) {
    for (const auto* before : steps) {
        for (const int code : codes) {
            const bool begins_transfer = std::string_view(before) == "RETR" && (code < 200 || code == 226 || code == 250);
            if (code >= 400 || begins_transfer) continue;
            ftp_stub server({.strays = {{before, std::to_string(code) + " one too many"}}});
            memory_file to;
            const auto r = get(server.url("file"), to);
            ASSERT_FALSE(r.got) << code << " before the reply to " << before;
            EXPECT_EQ(r.got.error().cause.code, errc::stray_reply) << r.text();
            EXPECT_THAT(r.causes(), ElementsAre(cause::stray_reply));
            EXPECT_THAT(r.text(), HasSubstr("stray reply from the server"));
        }
    }
}

// "230" twice to PASS, the second one a moment later: FEAT got it, TYPE the reply to FEAT, and so on to the end.
TEST(client_stray, a_230_twice_with_a_cut_transfer) {
    const scripted_server server([](testing::blocking_socket& control) {
        const testing::blocking_listener data;
        control.send("220 hi\r\n");
        for (auto line = control.read_line(); !line.empty(); line = control.read_line()) {
            if (line.starts_with("USER")) {
                control.send("331 password\r\n");
            } else if (line.starts_with("PASS")) {
                control.send("230 in\r\n");
            } else if (line.starts_with("FEAT")) {
                control.send("230 in\r\n");
                control.send("500 what\r\n");
            } else if (line.starts_with("EPSV")) {
                control.send("229 (|||" + std::to_string(data.port()) + "|)\r\n");
            } else if (line.starts_with("RETR")) {
                control.send("150 420 bytes\r\n");
                data.accept().send(std::string(100, 'x'));
                control.send("426 cut\r\n");
            } else {
                control.send(line.starts_with("SIZE") ? "213 420\r\n" : "200 ok\r\n");
            }
        }
    });
    memory_file to;
    const auto r = get(server.url("ftp", "file"), to);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::login);
    EXPECT_THAT(r.text(), HasSubstr("stray reply from the server instead of one to FEAT: 230 in."));
}

TEST(client_stray, two_ends_of_one_transfer_are_none) {
    ftp_stub server(
        {.files = {{"file", std::string(100, 'x')}}, .replies = {{"FINAL", "226 done\r\n426 cut"}}, .says_sizes = false});
    memory_file to;
    const auto r = get(server.url("file"), to);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::stray_reply);
}

}  // namespace
}  // namespace sallyport::client
