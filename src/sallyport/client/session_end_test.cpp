// Judging the end of a transfer, and the advice, with servers that send unusual sizes, ends and reasons.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using testing::data_end;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::scripted_server;

run_result<transfer_report> get_from(const behaviour& b, options how = quick()) {
    ftp_stub server(b);
    memory_file to;
    return get(server.url("file"), to, std::move(how));
}

run_result<transfer_report> put_to(const behaviour& b, options how = quick()) {
    ftp_stub server(b);
    const memory_file from("0123456789");
    return put(from, server.url("new"), std::move(how));
}

/// Accepts any login and has no sizes; the test defines the transfer, and the session ends after it if its function returns
/// false.
void serve(testing::blocking_socket& control, auto transfer) {
    const testing::blocking_listener data;
    control.send("220 hi\r\n");
    for (auto line = control.read_line(); !line.empty(); line = control.read_line()) {
        if (line.starts_with("EPSV")) {
            control.send("229 (|||" + std::to_string(data.port()) + "|)\r\n");
        } else if (line.starts_with("RETR")) {
            if (!transfer(data)) return;
        } else {
            control.send(line.starts_with("USER") ? "230 in\r\n" : line.starts_with("SIZE") ? "502 no\r\n" : "200 ok\r\n");
        }
    }
}

// ---- Sizes

TEST(client_size, a_number_with_blanks_around_it_or_in_another_line_counts) {
    for (const auto* reply : {"213 5000 ", "213  5000", "213-it has\r\n 5000\r\n213 bytes"}) {
        const auto r = get_from({.replies = {{"SIZE", reply}}, .says_sizes = false});
        ASSERT_FALSE(r.got) << reply;
        EXPECT_EQ(r.got.error().cause.code, errc::truncated) << reply;
    }
}

TEST(client_size, a_number_in_any_line_of_the_150_counts) {
    // The stub sends "150 opening" with the text appended; a 150 of several lines.
    const scripted_server server([](testing::blocking_socket& control) {
        serve(control, [&](const testing::blocking_listener& data) {
            control.send("150-Accepted\r\n150 opening (5000 bytes) \r\n");
            data.accept().send("short");
            return control.send("226 done\r\n");
        });
    });
    memory_file to;
    const auto r = get(server.url("ftp", "file"), to);
    ASSERT_FALSE(r.got);
    EXPECT_THAT(r.text(), HasSubstr("received 5 of 5000 bytes"));
}

TEST(client_size, an_unreadable_size_is_reported) {
    const auto r = get_from({.replies = {{"SIZE", "213 about 5k"}}, .says_sizes = false});
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(r.got->warnings, ElementsAre(HasSubstr("213 about 5k")));
    const auto up = put_to({.replies = {{"SIZE", "213 about 5k"}}});
    ASSERT_TRUE(up.got) << up.text();
    EXPECT_THAT(up.got->warnings, ::testing::Contains(HasSubstr("213 about 5k")));
    EXPECT_THAT(get_from({}).got->warnings, IsEmpty());
}

TEST(client_size, more_bytes_than_the_size_are_complete_with_a_warning) {
    const auto r = get_from({.announced_size = 7});
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(r.got->bytes, 420U);
    EXPECT_THAT(r.got->warnings, ElementsAre(HasSubstr("received 420 bytes")));
}

TEST(client_size, a_reset_after_the_last_byte_is_complete_where_226_and_size_agree) {
    const auto r = get_from({.ends = data_end::reset});
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_THAT(r.got->warnings, ElementsAre(HasSubstr("size matches")));
    EXPECT_FALSE(get_from({.says_sizes = false, .ends = data_end::reset}).got);
    EXPECT_FALSE(get_from({.announced_size = 5000, .ends = data_end::reset}).got);
    EXPECT_FALSE(get_from({.no_226 = true, .hangs_up_after_data = true, .ends = data_end::reset}).got);
}

// ---- Preliminary replies (C3)

TEST(client_preliminary, C3_a_120_again_and_again_gains_no_time) {
    const scripted_server server([](testing::blocking_socket& control) {
        while (control.send("120 soon\r\n")) control.wait_for_end(20ms);
    });
    memory_file to;
    auto how = quick();
    how.greeting = 200ms;
    const auto r = get(server.url("ftp", "x"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::timeout);
    EXPECT_LT(r.elapsed, 1500ms);
}

TEST(client_preliminary, C3_a_150_again_and_again_gains_no_time) {
    const scripted_server server([](testing::blocking_socket& control) {
        serve(control, [&](const testing::blocking_listener& data) {
            data.accept().close();
            while (control.send("150 soon\r\n")) control.wait_for_end(20ms);
            return false;
        });
    });
    memory_file to;
    auto how = quick();
    how.reply = 300ms;
    const auto r = get(server.url("ftp", "x"), to, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().cause.code, errc::timeout) << r.text();
    EXPECT_LT(r.elapsed, 2s);
}

// ---- Advice

TEST(client_advice, C6_EPRT_refused_by_500_is_no_firewall) {
    auto how = quick();
    how.methods = {data_method::eprt};
    const auto r = get_from({.replies = {{"EPRT", "500 what"}}}, how);
    ASSERT_FALSE(r.got);
    EXPECT_EQ(r.got.error().at, step::data);
    EXPECT_THAT(r.causes(), ElementsAre(cause::active_mode_failed));
    EXPECT_THAT(r.text(), HasSubstr("500 what"));
}

TEST(client_advice, the_words_of_a_refused_login_count) {
    for (const auto* reply : {"530 Must use TLS first", "530-Sorry\r\n530 Must use TLS first"}) {
        const auto r = get_from({.replies = {{"PASS", reply}}});
        ASSERT_FALSE(r.got);
        ASSERT_THAT(r.causes(), ElementsAre(cause::tls_required)) << reply;
        EXPECT_THAT(r.got.error().causes.front().url, ::testing::StartsWith("ftpes://127.0.0.1:")) << reply;
    }
    const auto full = get_from({.replies = {{"PASS", "530 maximum number of users reached"}}});
    ASSERT_FALSE(full.got);
    EXPECT_EQ(full.got.error().reason, refusal::too_many);
    EXPECT_THAT(full.causes(), ElementsAre(cause::server_busy));
}

TEST(client_advice, resume_is_named_for_get_only_where_something_was_kept) {
    const auto short_file = get_from({.announced_size = 500'000});
    EXPECT_TRUE(short_file.can_be_resumed());
    EXPECT_TRUE(short_file.got.error().can_resume);
    auto pipe = quick();
    pipe.can_resume = false;
    EXPECT_FALSE(get_from({.announced_size = 500'000}, pipe).can_be_resumed());
    const auto nothing = get_from({.files = {{"file", ""}}, .announced_size = 5000});
    ASSERT_FALSE(nothing.got);
    EXPECT_THAT(nothing.text(), HasSubstr("received 0 of 5000"));
    EXPECT_FALSE(nothing.can_be_resumed());
    const auto refused = get_from({.replies = {{"RETR", "550 no"}}});
    EXPECT_FALSE(refused.can_be_resumed());
}

TEST(client_advice, resume_is_named_for_put_only_where_the_server_kept_a_part) {
    const std::map<std::string, std::string> cut{{"FINAL", "426 cut"}};
    EXPECT_TRUE(put_to({.replies = cut, .announced_size = 4}).can_be_resumed());
    const behaviour kept_nothing[] = {
        {.replies = cut, .announced_size = 0},
        {.replies = cut, .announced_size = 5000},  // more than was sent: another file
        {.replies = cut, .says_sizes = false},
        {.replies = {{"FINAL", "426 cut"}, {"SIZE", "550 no such file"}}},
        {.replies = {{"FINAL", "426 cut"}, {"SIZE", std::string(testing::hang_up)}}},
        {.replies = {{"STOR", "553 no"}}, .announced_size = 4},
        {.replies = {{"FINAL", "552 full"}}, .announced_size = 4},
    };
    for (const auto& b : kept_nothing) {
        const auto r = put_to(b);
        ASSERT_FALSE(r.got);
        EXPECT_FALSE(r.can_be_resumed());
    }
}

TEST(client_advice, resume_is_never_named_for_a_listing) {
    for (const auto* final : {"226 done", "426 cut"}) {
        behaviour b;
        b.replies["FINAL"] = final;
        b.ends = data_end::reset;
        ftp_stub server(b);
        const auto r = list(server.url("dir"));
        ASSERT_FALSE(r.got);
        EXPECT_FALSE(r.can_be_resumed());
        EXPECT_FALSE(r.got.error().can_resume);
    }
}

}  // namespace
}  // namespace sallyport::client
