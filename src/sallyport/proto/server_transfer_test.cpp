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

TEST(server_transfer, the_final_reply_names_the_kind_of_transfer) {
    EXPECT_EQ(started(verb::mlsd).finish(transfer_outcome{}, true, false).text(), "Listing completed.");
    EXPECT_EQ(started(verb::stou).finish(transfer_outcome{.note = "FILE: f.1"}, true, false).text(),
              "Transfer completed. FILE: f.1");
}

// RFC 959 section 5.4
TEST(server_transfer, a_persistent_connection_has_its_own_codes) {
    auto first = started(verb::retr);
    EXPECT_EQ(first.opened("").code, 150);
    EXPECT_EQ(first.finish(transfer_outcome{}, true, true).code, 250);
    const auto second = started(verb::retr, persistent_data{});
    EXPECT_EQ(second.opened("").code, 125);
}

TEST(server_transfer, failures_distinguish_connection_and_file) {
    const auto code = [](errc cause, bool connected) {
        return started(verb::stor).finish(fail(cause), connected, false).code;
    };
    EXPECT_EQ(code(errc::timeout, false), 425);
    EXPECT_EQ(code(errc::timeout, true), 426);
    EXPECT_EQ(code(errc::no_space, true), 452);
    EXPECT_EQ(code(errc::name_invalid, false), 553);
}

TEST(server_transfer, abort_is_requested_once) {
    auto t = started(verb::retr);
    EXPECT_TRUE(t.abort());
    EXPECT_FALSE(t.abort());
    EXPECT_EQ(t.finish(fail(errc::cancelled), true, false).code, 426);
    t = started(verb::retr);
    EXPECT_TRUE(t.abort()) << "it does not apply to the next transfer";
    EXPECT_EQ(t.finish(transfer_outcome{}, true, false).code, 226) << "it finished before it could be aborted";
}

TEST(server_transfer, an_abort_by_the_server_is_a_failure) {
    const auto answer = started(verb::retr).finish(fail(errc::cancelled, "the file is gone"), false, false);
    EXPECT_EQ(answer.code, 425);
    EXPECT_EQ(answer.text(), "the file is gone: cancelled.");
}

}  // namespace
}  // namespace sallyport::proto
