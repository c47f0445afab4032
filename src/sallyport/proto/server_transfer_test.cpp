#include <sallyport/proto/server_transfer.hpp>

#include <gtest/gtest.h>

namespace sallyport::proto {
namespace {

[[nodiscard]] server_transfer started(verb id, data_setup over = passive_port{}) {
    server_transfer out;
    out.start({.command = id, .data = over, .facts = {}});
    return out;
}

TEST(server_transfer, runs_until_its_final_reply) {
    server_transfer t;
    EXPECT_FALSE(t.running());
    EXPECT_EQ(t.active_verb(), verb::unknown);
    t = started(verb::retr);
    EXPECT_TRUE(t.running());
    EXPECT_EQ(t.active_verb(), verb::retr);
    EXPECT_EQ(t.opened("Go."), (reply{150, {"Go."}}));
    EXPECT_EQ(t.finish(transfer_outcome{}, true, false), (reply{226, {"Transfer completed."}}));
    EXPECT_FALSE(t.running());
    EXPECT_EQ(t.active_verb(), verb::unknown);
}

TEST(server_transfer, the_final_reply_says_what_ended) {
    EXPECT_EQ(started(verb::mlsd).finish(transfer_outcome{}, true, false).text(), "Listing completed.");
    EXPECT_EQ(started(verb::stou).finish(transfer_outcome{.note = "FILE: f.1"}, true, false).text(),
              "Transfer completed. FILE: f.1");
}

TEST(server_transfer, a_connection_that_stays_open_has_codes_of_its_own) {  // RFC 959 section 5.4
    auto first = started(verb::retr);
    EXPECT_EQ(first.opened("").code, 150);
    EXPECT_EQ(first.finish(transfer_outcome{}, true, true).code, 250);
    const auto second = started(verb::retr, persistent_data{});
    EXPECT_EQ(second.opened("").code, 125);
}

TEST(server_transfer, a_failure_is_that_of_the_connection_or_of_the_file) {
    const auto code = [](errc cause, bool connected) {
        return started(verb::stor).finish(fail(cause), connected, false).code;
    };
    EXPECT_EQ(code(errc::timeout, false), 425);
    EXPECT_EQ(code(errc::timeout, true), 426);
    EXPECT_EQ(code(errc::no_space, true), 452);
    EXPECT_EQ(code(errc::name_invalid, false), 553);
}

TEST(server_transfer, abort_is_asked_for_once) {
    auto t = started(verb::retr);
    EXPECT_TRUE(t.abort());
    EXPECT_FALSE(t.abort());
    EXPECT_EQ(t.finish(fail(errc::cancelled), true, false).code, 426);
    t = started(verb::retr);
    EXPECT_TRUE(t.abort()) << "the next transfer knows nothing of it";
    EXPECT_EQ(t.finish(transfer_outcome{}, true, false).code, 226) << "it had ended before it could be aborted";
}

TEST(server_transfer, what_was_not_aborted_by_the_client_is_a_failure) {
    const auto answer = started(verb::retr).finish(fail(errc::cancelled, "the file is gone"), false, false);
    EXPECT_EQ(answer.code, 425);
    EXPECT_EQ(answer.text(), "the file is gone: cancelled.");
}

}  // namespace
}  // namespace sallyport::proto
